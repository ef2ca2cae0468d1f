"""Digit classifiers that are adapted to another domain, domain discriminators and gradient reversal."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from adversaria.config.errors import ConfigError
from adversaria.config.types import FractionBelowOne, Layers, NonNegativeInt, PositiveInt


class DigitNetwork(nn.Module):
    """An encoder and a classifier of its features.

    Args:
        encoder: (n, 3, s, s) images -> (n, num_features).
        classifier: features -> (n, 10) logits.
        num_features: length of the feature vector.
        image_size: the only side of images that fits, None for any.
    """

    def __init__(
        self, encoder: nn.Module, classifier: nn.Module, num_features: int, image_size: int | None = None
    ) -> None:
        super().__init__()
        self.encoder, self.classifier = encoder, classifier
        self.num_features, self.image_size = num_features, image_size

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to features and logits."""
        features = self.encoder(image)
        return features, self.classifier(features).float()


class CompactDigits(DigitNetwork):
    """Our default: three pairs of 3×3 convolutions with batch norm, halved twice, global average; any side from 4.

    Args:
        width: channels of the first pair; they double from pair to pair.
        instance_norm: number of the first layers that have instance norm instead of batch norm: colour and contrast
            differ between domains, shape does not (Pan et al. 2018).
        dropout: on the features.
    """

    smallest_image = 4

    def __init__(
        self, width: PositiveInt = 16, instance_norm: NonNegativeInt = 0, dropout: FractionBelowOne = 0.5
    ) -> None:
        channels = [3, width, width, 2 * width, 2 * width, 4 * width, 4 * width]
        layers: list[nn.Module] = []
        for number, (i, o) in enumerate(pairwise(channels)):
            norm = nn.InstanceNorm2d(o, affine=True) if number < instance_norm else nn.BatchNorm2d(o)
            layers += [nn.Conv2d(i, o, 3, 1, 1, bias=False), norm, nn.LeakyReLU(0.1)]
            if number in (1, 3):
                layers.append(nn.MaxPool2d(2))
        encoder = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        super().__init__(encoder, nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * width, 10)), 4 * width)


class DomainDiscriminator(nn.Module):
    """Layers that classify features by their domain.

    Args:
        inputs: length of the vectors.
        width: of the hidden layers.
        layers: number of hidden layers.
        logits: 1, of the source, or 2, of target and source; the result is the logit of the source in both cases.
        batch_norm: in the hidden layers.
        slope: of the leaky ReLU; 0 for a ReLU.
        dropout: in the hidden layers.
    """

    def __init__(
        self,
        inputs: PositiveInt,
        width: PositiveInt = 256,
        layers: Layers = 2,
        logits: Literal[1, 2] = 1,
        batch_norm: bool = False,
        slope: FractionBelowOne = 0.2,
        dropout: FractionBelowOne = 0.0,
    ) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        for i, o in pairwise([inputs] + [width] * layers):
            parts.append(nn.Linear(i, o))
            parts += [nn.BatchNorm1d(o)] if batch_norm else []
            parts.append(nn.LeakyReLU(slope) if slope else nn.ReLU())
            parts += [nn.Dropout(dropout)] if dropout else []
        self.layers = nn.Sequential(*parts, nn.Linear(width if layers else inputs, logits))

    def forward(self, features: Tensor) -> Tensor:
        """Map (n, inputs) to (n,) logits of the source."""
        logits: Tensor = self.layers(features).float()
        return logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]


class DigitDecoder(nn.Sequential):
    """Reconstructs images from features: a linear stem of 7×7 or 8×8, two doublings.

    Args:
        inputs: length of the features.
        image_size: side of the images, a multiple of 4.
        width: channels of the stem.
    """

    def __init__(self, inputs: PositiveInt, image_size: PositiveInt, width: PositiveInt = 32) -> None:
        if image_size % 4:
            raise ConfigError(f"image_size={image_size}: the decoder doubles twice, so it needs a multiple of 4")
        side = image_size // 4
        layers: list[nn.Module] = [nn.Linear(inputs, width * side**2), nn.Unflatten(1, (width, side, side))]
        for i, o in ((width, width), (width, width // 2)):
            layers += [nn.BatchNorm2d(i), nn.ReLU(), nn.Upsample(scale_factor=2), nn.Conv2d(i, o, 3, 1, 1)]
        super().__init__(*layers, nn.ReLU(), nn.Conv2d(width // 2, 3, 3, 1, 1))


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, strength: float) -> Tensor:
        ctx.strength = strength
        return features.view_as(features)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        # in float32: in a recorded step, strength is a tensor, which half precision would round
        return (-ctx.strength * gradients[0].float()).to(gradients[0].dtype), None


def reverse_gradient(features: Tensor, strength: float | Tensor) -> Tensor:
    """Return the features; their gradient is multiplied by -strength (Ganin et al. 2016, equation 17)."""
    reversed_: Tensor = _Reversal.apply(features, strength)
    return reversed_
