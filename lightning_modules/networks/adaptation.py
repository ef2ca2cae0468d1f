"""Classifiers that are adapted to another domain, domain discriminators and gradient reversal."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn

from adversaria.config.errors import ConfigError
from adversaria.config.labels import DIGIT, label_sizes
from adversaria.config.types import Classes, FractionBelowOne, Labels, Layers, NonNegativeInt, PositiveInt


class EncoderClassifier(nn.Module):
    """An encoder and a classifier of its features.

    Args:
        encoder: (n, 3, s, s) images -> (n, num_features).
        classifier: features -> (n, k) logits of the k values of the label.
        num_features: length of the feature vector.
        image_size: the only side of images that fits, None for any.
        labels: the name of the one label.
        classes: the names of its values.
    """

    labels = ["digit"]  # unless others are given

    def __init__(
        self,
        encoder: nn.Module,
        classifier: nn.Module,
        num_features: int,
        image_size: int | None = None,
        labels: Labels = (DIGIT,),
        classes: Classes | None = None,
    ) -> None:
        super().__init__()
        self.encoder, self.classifier = encoder, classifier
        self.num_features, self.image_size = num_features, image_size
        self.labels, self.classes = list(labels or ()), classes or {}
        self.num_classes = class_count(labels, classes)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map images to features and logits."""
        features = self.encoder(image)
        return features, self.classifier(features).float()


class CompactImages(EncoderClassifier):
    """Our default: pairs of 3×3 convolutions with batch norm, halved between them, global average.

    There are three pairs for images below 46 pixels, four below 91, five below 182, and so on: the last pair sees 6 to
    11 pixels.

    Args:
        labels: the name of the one label.
        image_size: side of the images in pixels.
        classes: the names of its values.
        width: channels of the first pair; they double from pair to pair.
        instance_norm: number of the first layers that have instance norm instead of batch norm: colour and contrast
            differ between domains, shape does not (Pan et al. 2018).
        dropout: on the features.
    """

    smallest_image = 4

    def __init__(
        self,
        labels: Labels,
        image_size: PositiveInt,
        classes: Classes | None = None,
        width: PositiveInt = 16,
        instance_norm: NonNegativeInt = 0,
        dropout: FractionBelowOne = 0.5,
    ) -> None:
        pairs = halvings(image_size) + 1
        encoder, features = compact_encoder(width, pairs, instance_norm), width * 2 ** (pairs - 1)
        classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(features, class_count(labels, classes)))
        super().__init__(encoder, classifier, features, image_size, labels, classes)


class CompactDigits(EncoderClassifier):
    """Three pairs of 3×3 convolutions, for digits of any side from 4; see `CompactImages`, which has the options."""

    smallest_image = 4

    def __init__(
        self, width: PositiveInt = 16, instance_norm: NonNegativeInt = 0, dropout: FractionBelowOne = 0.5
    ) -> None:
        encoder = compact_encoder(width, 3, instance_norm)
        super().__init__(encoder, nn.Sequential(nn.Dropout(dropout), nn.Linear(4 * width, 10)), 4 * width)


def halvings(image_size: int) -> int:
    """Return how often an image is halved until its side is 6 to 11 pixels; at least twice."""
    return max(2, round(math.log2(image_size / 8)))


def class_count(labels: Labels, classes: Classes | None) -> int:
    """Return the number of values of the one label that is adapted.

    Raises:
        ConfigError: there are several, or none.
    """
    if labels is None or len(labels) != 1:
        raise ConfigError(f"labels=[{','.join(labels or ())}]: adaptation is of one label; write e.g. labels=[class]")
    return label_sizes(labels, classes)[0]


def compact_encoder(width: int, pairs: int, instance_norm: int) -> nn.Sequential:
    """Build pairs of 3×3 convolutions that end in a vector of width · 2^(pairs - 1) numbers; see `CompactImages`."""
    channels = [3, *(width * 2 ** (number // 2) for number in range(2 * pairs))]
    layers: list[nn.Module] = []
    for number, (i, o) in enumerate(pairwise(channels)):
        norm = nn.InstanceNorm2d(o, affine=True) if number < instance_norm else nn.BatchNorm2d(o)
        layers += [nn.Conv2d(i, o, 3, 1, 1, bias=False), norm, nn.LeakyReLU(0.1)]
        if number % 2 and number < 2 * pairs - 1:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())


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


class ImageDecoder(nn.Sequential):
    """Reconstructs images from features: a linear stem of 6×6 to 11×11 pixels, which are doubled to the images' side.

    Args:
        inputs: length of the features.
        image_size: side of the images.
        width: channels of the stem.
    """

    def __init__(self, inputs: PositiveInt, image_size: PositiveInt, width: PositiveInt = 32) -> None:
        *larger, side = [-(-image_size // 2**n) for n in range(halvings(image_size) + 1)]
        layers: list[nn.Module] = [nn.Linear(inputs, width * side**2), nn.Unflatten(1, (width, side, side))]
        for size in reversed(larger):
            outputs = width // 2 if size == image_size else width
            layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.Upsample(size), nn.Conv2d(width, outputs, 3, 1, 1)]
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
