"""Encoder-decoder pairs for VAEs: their common structure, and those of reports A, B and C on 64×64 RGB images.

Each has `encode(image) -> (mu, logvar)`, both (n, latent_dim), `decode(z) -> image`, and states the `image_size` it
takes, the `value_range` its last activation gives, and the `labels` that both are given too, none for the reports'.
"""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

from adversaria.config.types import Classes, Labels, PositiveInt
from datamodules.labels import label_sizes
from lightning_modules.networks.conditioning import append_planes


class VAENetwork(nn.Module):
    """Common structure of the pairs: `encoder`, two linear heads `fc_mu` and `fc_var`, `decoder`.

    Args:
        encoder: images, with planes of labels if there are any, -> (n, features).
        features: length of a vector of features.
        latent_dim: dimension of the latent.
        decoder: latents, and labels if there are any, -> images.
        labels: names of the labels that both are given; empty for none.
        classes: the names of the labels' values.
    """

    image_size = 64
    value_range = (-1.0, 1.0)

    def __init__(
        self,
        encoder: nn.Module,
        features: int,
        latent_dim: int,
        decoder: nn.Module,
        labels: Labels = (),
        classes: Classes | None = None,
    ) -> None:
        super().__init__()
        self.latent_dim, self.labels, self.classes = latent_dim, list(labels or ()), classes or {}
        self.sizes = label_sizes(self.labels, classes)
        self.encoder = encoder
        self.fc_mu = nn.Linear(features, latent_dim)
        self.fc_var = nn.Linear(features, latent_dim)
        self.decoder = decoder

    def encode(self, image: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Map (n, 3, s, s) images, and their (n, k) labels if conditional, to means and log-variances, (n, d) each."""
        hidden = self.encoder(image if labels is None else append_planes(image, labels, self.sizes))
        return self.fc_mu(hidden), self.fc_var(hidden)

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map (n, latent_dim) latents, and (n, k) labels if conditional, to (n, 3, s, s) images in `value_range`."""
        image: Tensor = self.decoder(z) if labels is None else self.decoder(z, labels)
        return image


class StridedVAE(VAENetwork):
    """Report A, system A1: five strided convolutions down, five strided transposed convolutions up.

    Args:
        channels: width after each of the five halvings of the image.
        latent_dim: dimension of the latent.
    """

    def __init__(
        self,
        channels: tuple[PositiveInt, PositiveInt, PositiveInt, PositiveInt, PositiveInt] = (32, 64, 128, 256, 512),
        latent_dim: PositiveInt = 1024,
    ) -> None:
        widths = list(channels)
        down = [_block(nn.Conv2d(i, o, 3, stride=2, padding=1)) for i, o in pairwise([3, *widths])]
        up_widths = [*widths[::-1], widths[0]]
        up = [
            _block(nn.ConvTranspose2d(i, o, 3, stride=2, padding=1, output_padding=1)) for i, o in pairwise(up_widths)
        ]
        features = 4 * widths[-1]
        super().__init__(
            nn.Sequential(*down, nn.Flatten()),
            features,
            latent_dim,
            nn.Sequential(
                nn.Linear(latent_dim, features),
                nn.Unflatten(1, (widths[-1], 2, 2)),
                *up,
                nn.Conv2d(widths[0], 3, 3, padding=1),
                nn.Tanh(),
            ),
        )


def _block(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.LeakyReLU(0.01))


class TanhBottleneckVAE(VAENetwork):
    """Report B, system B1: a shallow encoder with a tanh bottleneck, a decoder that starts with a 32×32 kernel.

    The report does not say which pooling; max pooling is taken. Its decoder's `64→125` is read as `64→128`.

    Args:
        bottleneck: width of the tanh layer.
        latent_dim: dimension of the latent.
    """

    def __init__(self, bottleneck: PositiveInt = 1024, latent_dim: PositiveInt = 512) -> None:
        super().__init__(
            nn.Sequential(
                nn.Conv2d(3, 64, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(64, 128, 3, padding=1),
                nn.ReLU(),
                nn.MaxPool2d(2),
                nn.Flatten(),
                nn.Linear(32 * 32 * 128, bottleneck),
                nn.Tanh(),
            ),
            bottleneck,
            latent_dim,
            nn.Sequential(
                nn.Unflatten(1, (latent_dim, 1, 1)),
                nn.ConvTranspose2d(latent_dim, 64, 32),
                nn.Conv2d(64, 128, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(128, 256, 3, padding=1),
                nn.ReLU(),
                nn.ConvTranspose2d(256, 3, 2, stride=2),
                nn.Tanh(),
            ),
        )


class WideVAE(VAENetwork):
    """Report C, system C1: three wide convolution blocks with average pooling; pixels in (0, 1).

    Args:
        width: channels of every block.
        latent_dim: dimension of the latent.
    """

    value_range = (0.0, 1.0)

    def __init__(self, width: PositiveInt = 256, latent_dim: PositiveInt = 1024) -> None:
        def down(i: int) -> list[nn.Module]:
            return [
                nn.Conv2d(i, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.AvgPool2d(2),
            ]

        def up(o: int) -> list[nn.Module]:
            return [nn.ConvTranspose2d(width, o, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(o)]

        features = 8 * 8 * width
        super().__init__(
            nn.Sequential(*down(3), *down(width), *down(width), nn.Flatten()),
            features,
            latent_dim,
            nn.Sequential(
                nn.Linear(latent_dim, features),
                nn.Unflatten(1, (width, 8, 8)),
                *up(width),
                nn.ReLU(),
                *up(width),
                nn.ReLU(),
                *up(3),
                nn.Sigmoid(),
            ),
        )
