"""Digit networks: shapes, and the reports' parameter counts, summed by hand."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.runs.architecture import parameter_count
from lightning_modules.networks.adaptation import CompactDigits, DomainDiscriminator, EncoderClassifier

CONF = Path(__file__).parents[3] / "conf" / "model" / "network"


def conv(i: int, o: int) -> int:
    """3×3 convolution and batch norm."""
    return 9 * i * o + o + 2 * o


def linear(i: int, o: int) -> int:
    return i * o + o


def chain(*channels: int) -> int:
    return sum(conv(i, o) for i, o in pairwise(channels))


HEAD = 2 * linear(512, 512) + linear(512, 10)
COUNTS = {
    "report_a_dann": (chain(3, 64, 128, 256, 256, 512, 512), HEAD + 2 * 2 * 512),
    "report_a_adda1": (chain(3, 64, 128, 256, 512, 512), HEAD),
    "report_a_adda2": (chain(3, 64, 128, 256, 512, 512, 512, 512), HEAD),
    "report_a_adda3": (chain(3, 64, 128, 256, 512, 512), HEAD),
    "report_d": (chain(3, 64, 128, 256, 256, 512), linear(512, 256) + 2 * 256 + linear(256, 10)),
    "report_e": (chain(3, 64, 128, 256, 256), linear(4096, 512) + linear(512, 512) + linear(512, 10)),
}


def network(name: str) -> EncoderClassifier:
    node = OmegaConf.merge({"data": {"image_size": 32}}, {"n": OmegaConf.load(CONF / f"{name}.yaml")})
    built = instantiate(OmegaConf.to_container(node, resolve=True)["n"])  # type: ignore[index, call-overload]
    assert isinstance(built, EncoderClassifier)
    return built


@pytest.mark.parametrize("name", COUNTS)
def test_the_reports_networks_have_the_parameters_that_their_layers_add_up_to(name: str) -> None:
    built = network(name)
    assert (parameter_count(built.encoder), parameter_count(built.classifier)) == COUNTS[name]


@pytest.mark.parametrize("name", COUNTS)
def test_the_reports_networks_map_32_pixels_to_features_and_logits(name: str) -> None:
    built = network(name)
    features, logits = built(torch.randn(2, 3, 32, 32))
    assert features.shape == (2, built.num_features)
    assert logits.shape == (2, 10)
    assert built.num_features == (4096 if name == "report_e" else 512)


def test_the_domain_heads_of_the_reports() -> None:
    a3 = DomainDiscriminator(512, width=512, layers=4, batch_norm=True)
    assert parameter_count(a3) == 4 * (linear(512, 512) + 2 * 512) + linear(512, 1)
    a4 = DomainDiscriminator(512, width=512, layers=2, logits=2, slope=0.0)
    assert parameter_count(a4) == 2 * linear(512, 512) + linear(512, 2)
    assert not any(isinstance(layer, nn.LeakyReLU) for layer in a4.modules())


def test_two_logits_are_told_as_the_difference_that_their_cross_entropy_uses() -> None:
    head = DomainDiscriminator(4, width=8, layers=1, logits=2)
    features = torch.randn(6, 4)
    two = head.layers(features)
    expected = torch.nn.functional.cross_entropy(two, torch.ones(6, dtype=torch.long))
    assert torch.nn.functional.softplus(-head(features)).mean().item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("size", [16, 28, 32])
def test_the_compact_network_takes_any_size(size: int) -> None:
    features, logits = CompactDigits(width=8)(torch.randn(2, 3, size, size))
    assert features.shape == (2, 32)
    assert logits.shape == (2, 10)


def test_instance_norm_replaces_the_first_layers() -> None:
    kinds = [
        m
        for m in CompactDigits(width=8, instance_norm=2).modules()
        if isinstance(m, nn.InstanceNorm2d | nn.BatchNorm2d)
    ]
    assert [isinstance(m, nn.InstanceNorm2d) for m in kinds] == [True, True, False, False, False, False]


def test_sides_that_a_network_cannot_have_are_refused() -> None:
    network = OmegaConf.merge(OmegaConf.load(CONF / "report_d.yaml"), {"image_size": 31})
    with pytest.raises(ConfigError, match=r"image_size=31: this network needs 32 pixels or more"):
        instantiate(OmegaConf.to_container(network))
