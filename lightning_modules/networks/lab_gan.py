"""The generators and discriminators of the five reports, layer by layer."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from adversaria.config.types import Classes, FractionBelowOne, Labels, PositiveInt
from lightning_modules.networks.gan import GANNetwork


class DCGAN(GANNetwork):
    """The DCGAN of Radford et al. 2016 as in the PyTorch tutorial: report C's C2 and C3, report E's E1 and E2.

    All convolutions have kernel 4 and no bias; weights start as N(0, 0.02), those of batch norm as N(1, 0.02).

    Args:
        latent_dim: dimension of the noise.
        width: channels at half the image's resolution.
        labels: names of the labels, appended to the noise, and predicted by a second 4×4 convolution.
        shared_head: one layer for the discriminator's two outputs instead of one for each.
        classes: the names of the labels' values.
    """

    def __init__(
        self,
        latent_dim: PositiveInt = 100,
        width: PositiveInt = 64,
        labels: Labels = (),
        shared_head: bool = False,
        classes: Classes | None = None,
    ) -> None:
        channels = [width, 2 * width, 4 * width, 8 * width]

        def decoder(inputs: int) -> nn.Module:
            layers: list[nn.Module] = [nn.Unflatten(1, (inputs, 1, 1))]
            for n, (i, o) in enumerate(pairwise([inputs, *channels[::-1]])):
                stride, padding = (2, 1) if n else (1, 0)
                layers += [nn.ConvTranspose2d(i, o, 4, stride, padding, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
            return nn.Sequential(*layers, nn.ConvTranspose2d(width, 3, 4, 2, 1, bias=False), nn.Tanh())

        encoder = [nn.Conv2d(3, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)]
        for i, o in pairwise(channels):
            encoder += [nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2)]
        super().__init__(
            latent_dim,
            decoder,
            nn.Sequential(*encoder),
            lambda outputs: nn.Conv2d(channels[-1], outputs, 4, bias=False),
            labels,
            shared_head=shared_head,
            classes=classes,
        )
        self.apply(_initialise)


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)


class LinearStemGAN(GANNetwork):
    """Report A's A2, a DCGAN with a linear stem and 5×5 kernels; without dropout report D's D1.

    Args:
        latent_dim: dimension of the noise.
        dropout: after each hidden block of both networks but the discriminator's first.
    """

    def __init__(self, latent_dim: PositiveInt = 100, dropout: FractionBelowOne = 0.5) -> None:
        def finish(norm: nn.Module) -> list[nn.Module]:
            return [norm, nn.LeakyReLU(0.2), *([nn.Dropout(dropout)] if dropout else [])]

        def decoder(inputs: int) -> nn.Module:
            layers: list[nn.Module] = [nn.Linear(inputs, 8192, bias=False), *finish(nn.BatchNorm1d(8192))]
            layers.append(nn.Unflatten(1, (512, 4, 4)))
            for i, o in pairwise([512, 256, 128, 64]):
                layers += [nn.ConvTranspose2d(i, o, 5, 2, 2, 1, bias=False), *finish(nn.BatchNorm2d(o))]
            return nn.Sequential(*layers, nn.ConvTranspose2d(64, 3, 5, 2, 2, 1), nn.Tanh())

        encoder: list[nn.Module] = [nn.Conv2d(3, 64, 5, 2, 2), nn.LeakyReLU(0.2)]
        for i, o in pairwise([64, 128, 256, 512]):
            encoder += [nn.Conv2d(i, o, 5, 2, 2), *finish(nn.BatchNorm2d(o))]
        super().__init__(latent_dim, decoder, nn.Sequential(*encoder), lambda outputs: nn.Conv2d(512, outputs, 4))


class WideKernelGAN(GANNetwork):
    """Report B's B2: a generator that starts with a 32×32 kernel; pixels in (0, 1).

    The report prints no activation between the discriminator's linear layers, and no size of the noise: 100 is taken.

    Args:
        latent_dim: dimension of the noise.
    """

    value_range = (0.0, 1.0)

    def __init__(self, latent_dim: PositiveInt = 100) -> None:
        def decoder(inputs: int) -> nn.Module:
            return nn.Sequential(
                nn.Unflatten(1, (inputs, 1, 1)),
                nn.ConvTranspose2d(inputs, 64, 32, bias=False),
                *_convolutions(64, 128, 256),
                nn.ConvTranspose2d(256, 3, 2, 2, bias=False),
                nn.Sigmoid(),
            )

        encoder = [*_convolutions(3, 64, 128), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 32 * 128, 1024)]
        super().__init__(latent_dim, decoder, nn.Sequential(*encoder), lambda outputs: nn.Linear(1024, outputs))


class WideKernelACGAN(GANNetwork):
    """Report B's B3: B2 deeper, with a linear stem and a second head.

    Args:
        latent_dim: dimension of the noise; not in the report.
        labels: names of the labels, appended to the noise.
        classes: the names of the labels' values.
    """

    def __init__(
        self, latent_dim: PositiveInt = 100, labels: Labels = ("Smiling",), classes: Classes | None = None
    ) -> None:
        def decoder(inputs: int) -> nn.Module:
            return nn.Sequential(
                nn.Linear(inputs, 512),
                nn.Unflatten(1, (512, 1, 1)),
                nn.ConvTranspose2d(512, 64, 32),
                *_convolutions(64, 128, 512),
                nn.ConvTranspose2d(512, 3, 2, 2),
                nn.Tanh(),
            )

        encoder = [*_convolutions(3, 64, 128), nn.MaxPool2d(2), *_convolutions(128, 256, 512), nn.MaxPool2d(2)]
        encoder += [nn.Flatten(), nn.Linear(16 * 16 * 512, 1024)]
        super().__init__(
            latent_dim,
            decoder,
            nn.Sequential(*encoder),
            lambda outputs: nn.Linear(1024, outputs),
            labels,
            classes=classes,
        )


def _convolutions(*channels: int) -> list[nn.Module]:
    return [layer for i, o in pairwise(channels) for layer in (nn.Conv2d(i, o, 3, padding=1), nn.ReLU())]


class UpsamplingACGAN(GANNetwork):
    """Report D's D2 on 28×28 digits: label embeddings multiplied into the noise, upsampling instead of strides.

    Args:
        latent_dim: dimension of the noise.
        labels: names of the labels.
        classes: the names of the labels' values.
    """

    image_size = 28

    def __init__(
        self, latent_dim: PositiveInt = 100, labels: Labels = ("digit",), classes: Classes | None = None
    ) -> None:
        def decoder(inputs: int) -> nn.Module:
            return nn.Sequential(
                nn.Linear(inputs, 6272),
                nn.Unflatten(1, (128, 7, 7)),
                nn.BatchNorm2d(128),
                nn.Upsample(scale_factor=2),
                *(nn.Conv2d(128, 128, 3, padding=1), nn.BatchNorm2d(128), nn.LeakyReLU(0.2)),
                nn.Upsample(scale_factor=2),
                *(nn.Conv2d(128, 64, 3, padding=1), nn.BatchNorm2d(64), nn.LeakyReLU(0.2)),
                nn.Conv2d(64, 3, 3, padding=1),
                nn.Tanh(),
            )

        encoder: list[nn.Module] = []
        for i, o in pairwise([3, 16, 32, 64, 128]):
            encoder += [nn.Conv2d(i, o, 3, 2, 1), nn.LeakyReLU(0.2), nn.Dropout2d(0.25)]
            encoder += [nn.BatchNorm2d(o)] if i > 3 else []
        super().__init__(
            latent_dim,
            decoder,
            nn.Sequential(*encoder, nn.Flatten()),
            lambda outputs: nn.Linear(512, outputs),
            labels,
            conditioning="multiply",
            classes=classes,
        )
