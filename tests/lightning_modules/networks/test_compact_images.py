"""Our network of adaptation for images of any size and number of classes, and the decoder that fits it."""

import pytest
import torch
from torch import nn

from adversaria.config.errors import ConfigError
from lightning_modules.networks.adaptation import CompactDigits, CompactImages, ImageDecoder, halvings

CLASSES = {"class": ["cat", "dog", "horse"]}


def network(size: int, **options: object) -> CompactImages:
    torch.manual_seed(0)
    return CompactImages(**{"labels": ("class",), "image_size": size, "classes": CLASSES, "width": 4, **options})  # type: ignore[arg-type]


@pytest.mark.parametrize(("size", "pairs"), [(28, 3), (32, 3), (45, 3), (46, 4), (64, 4), (90, 4), (96, 5), (128, 5)])
def test_the_depth_follows_the_size_so_that_the_last_layers_see_six_to_eleven_pixels(size: int, pairs: int) -> None:
    net, sides = network(size), []
    convolutions = [layer for layer in net.encoder if isinstance(layer, nn.Conv2d)]
    convolutions[-1].register_forward_hook(lambda *a: sides.append(a[2].shape[-1]))
    features, logits = net(torch.zeros(2, 3, size, size))
    assert len(convolutions) == 2 * pairs
    assert 5 <= sides[0] <= 11
    assert features.shape == (2, net.num_features) == (2, 4 * 2 ** (pairs - 1))
    assert logits.shape == (2, 3)


@pytest.mark.parametrize("size", [16, 28, 32])
def test_for_digits_it_is_compact_digits_bit_for_bit(size: int) -> None:
    image = torch.randn(4, 3, size, size)
    torch.manual_seed(0)
    digits = CompactDigits(width=4, instance_norm=2)
    images = network(size, labels=("digit",), classes=None, instance_norm=2)
    assert list(images.state_dict()) == list(digits.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(images.eval()(image), digits.eval()(image), strict=True))


def test_two_classes_have_a_logit_each() -> None:
    assert network(32, classes={"class": ["cat", "dog"]})(torch.zeros(2, 3, 32, 32))[1].shape == (2, 2)
    assert network(32, labels=("Smiling",), classes=None).num_classes == 2


@pytest.mark.parametrize("labels", [(), ("class", "Smiling"), None])
def test_adaptation_is_of_one_label(labels: object) -> None:
    with pytest.raises(ConfigError, match=r"labels=\[.*\]: adaptation is of one label; write e\.g\. labels=\[class\]"):
        network(32, labels=labels)


@pytest.mark.parametrize("size", [28, 30, 33, 64, 97, 128])
def test_the_decoder_rebuilds_images_of_any_size(size: int) -> None:
    decoder = ImageDecoder(16, image_size=size, width=4)
    assert decoder(torch.randn(2, 16)).shape == (2, 3, size, size)
    assert sum(isinstance(layer, nn.Upsample) for layer in decoder) == halvings(size)
