"""Our own encoder-decoder pair for VAEs: images of any side, with or without labels."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from adversaria.config.types import Classes, Conditioning, Labels, PositiveInt
from datamodules.labels import label_sizes, logit_count
from lightning_modules.networks.conditioning import Generator
from lightning_modules.networks.gan import compact_decoder, compact_levels
from lightning_modules.networks.vae import VAENetwork


class CompactVAE(VAENetwork):
    """Strided convolutions with batch norm down to 3 or 4 pixels, and the decoder of `CompactGAN`; any side from 8.

    Labels enter the encoder as planes beside the image, and the decoder as large numbers beside the latent.

    Args:
        image_size: side of the images in pixels.
        latent_dim: dimension of the latent.
        width: channels at half the image's resolution; they double down to the smallest map, at most 8 times. None
            for 48 up to 32 pixels, which have fewer levels, and 32 above.
        labels: names of the labels that the pair is given; empty for none.
        conditioning: how the labels enter the decoder: `append`, `append_scaled` or `multiply`.
        classes: the names of the labels' values.
    """

    smallest_image = 8

    def __init__(
        self,
        image_size: PositiveInt,
        latent_dim: PositiveInt = 32,
        width: PositiveInt | None = 16,
        labels: Labels = (),
        conditioning: Conditioning = "append_scaled",
        classes: Classes | None = None,
    ) -> None:
        channels, kernels, base = compact_levels(image_size, width, self.smallest_image)
        names = list(labels or ())
        planes = sum(map(logit_count, label_sizes(names, classes)))
        layers: list[nn.Module] = []
        for (i, o), kernel in zip(pairwise([3 + planes, *channels[1:]]), kernels, strict=True):
            layers += [nn.Conv2d(i, o, kernel, 2, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2)]

        def decoder(inputs: int) -> nn.Module:
            return compact_decoder(inputs, base, channels, kernels)

        super().__init__(
            nn.Sequential(*layers, nn.Flatten()),
            channels[-1] * base**2,
            latent_dim,
            Generator(decoder, latent_dim, names, conditioning, classes),
            labels,
            classes,
        )
        self.image_size = image_size
