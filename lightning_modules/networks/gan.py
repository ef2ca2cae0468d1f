"""Pairs of generator and discriminator: their common structure, and our own default. `lab_gan` has the reports' pairs.

Each pair states `latent_dim`, `image_size`, `value_range`, and the `labels` it is conditioned on with their `classes`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from torch import nn

from adversaria.config.errors import ConfigError
from adversaria.config.types import Classes, Conditioning, Labels, PositiveInt
from lightning_modules.networks.conditioning import Discriminator, Generator


class GANNetwork(nn.Module):
    """Common structure of the pairs.

    Args:
        latent_dim: dimension of the noise.
        decoder: see `Generator`.
        encoder: see `Discriminator`.
        head: see `Discriminator`.
        labels: names of the labels that the pair is conditioned on; empty for none.
        conditioning: see `Generator`.
        shared_head: see `Discriminator`.
        classes: the names of the labels' values.
    """

    image_size = 64
    value_range = (-1.0, 1.0)

    def __init__(
        self,
        latent_dim: int,
        decoder: Callable[[int], nn.Module],
        encoder: nn.Module,
        head: Callable[[int], nn.Module],
        labels: Labels = (),
        conditioning: Conditioning = "append",
        shared_head: bool = False,
        classes: Classes | None = None,
    ) -> None:
        super().__init__()
        self.latent_dim, self.labels, self.classes = latent_dim, list(labels or ()), classes or {}
        self.generator = Generator(decoder, latent_dim, self.labels, conditioning, classes)
        self.discriminator = Discriminator(encoder, head, self.labels, shared_head, classes)


class CompactGAN(GANNetwork):
    """Our default: a narrow DCGAN whose strided convolutions halve the image down to 3 or 4 pixels; any side from 8.

    The generator has a linear stem and batch norm. The discriminator has no normalisation: with batch norm,
    the R1 penalty of an image would depend on the other images of the batch.

    Args:
        image_size: side of the images in pixels.
        width: channels at half the image's resolution; they double down to the smallest map, at most 8 times. None
            for 48 up to 32 pixels, which have fewer levels, and 32 above.
        latent_dim: dimension of the noise.
        labels: names of the labels that the pair is conditioned on; empty for none.
        conditioning: `append` the labels to the noise, also `append_scaled`, or `multiply` it by their embeddings.
        shared_head: one layer for the discriminator's two outputs instead of one for each.
        classes: the names of the labels' values.
    """

    smallest_image = 8

    def __init__(
        self,
        image_size: PositiveInt,
        width: PositiveInt | None,
        latent_dim: PositiveInt = 128,
        labels: Labels = (),
        conditioning: Conditioning = "append",
        shared_head: bool = False,
        classes: Classes | None = None,
    ) -> None:
        channels, kernels, base = compact_levels(image_size, width, self.smallest_image)
        features = channels[-1] * base**2
        super().__init__(
            latent_dim,
            lambda inputs: compact_decoder(inputs, base, channels, kernels),
            _compact_encoder(channels, kernels),
            lambda outputs: nn.Linear(features, outputs),
            labels,
            conditioning,
            shared_head,
            classes,
        )
        self.image_size = image_size


def compact_levels(image_size: int, width: int | None, smallest: int) -> tuple[list[int], list[int], int]:
    """Return the channels of each side down to 3 or 4 pixels, the kernels between them, and the last side.

    Raises:
        ConfigError: the images are too small.
    """
    if image_size < smallest:
        raise ConfigError(f"image_size={image_size}: this network needs {smallest} pixels or more")
    width = width or (48 if image_size <= 32 else 32)
    sides = [image_size]
    while sides[-1] > 4:
        sides.append(-(-sides[-1] // 2))
    channels = [3, *(width * 2 ** min(level, 3) for level in range(len(sides) - 1))]
    kernels = [4 if side % 2 == 0 else 3 for side in sides[:-1]]  # with these, halving and doubling are inverse
    return channels, kernels, sides[-1]


def compact_decoder(inputs: int, side: int, channels: list[int], kernels: list[int]) -> nn.Module:
    """Return layers from (n, inputs) to images, through a smallest map of this side."""
    top = channels[-1]
    layers = [nn.Linear(inputs, top * side**2), nn.Unflatten(1, (top, side, side)), nn.BatchNorm2d(top), nn.ReLU()]
    for (o, i), kernel in list(zip(pairwise(channels), kernels, strict=True))[:0:-1]:
        layers += [nn.ConvTranspose2d(i, o, kernel, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
    return nn.Sequential(*layers, nn.ConvTranspose2d(channels[1], 3, kernels[0], 2, 1), nn.Tanh())


def _compact_encoder(channels: list[int], kernels: list[int]) -> nn.Module:
    """Return layers from images to (n, features)."""
    layers: list[nn.Module] = []
    for (i, o), kernel in zip(pairwise(channels), kernels, strict=True):
        layers += [nn.Conv2d(i, o, kernel, 2, 1), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Flatten())
