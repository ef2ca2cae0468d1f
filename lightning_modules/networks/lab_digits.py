"""The reports' digit networks."""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from adversaria.config.errors import ConfigError
from adversaria.config.types import FractionBelowOne, Layers, PositiveInt, PositiveInts
from lightning_modules.networks.adaptation import EncoderClassifier


class LabDigitNetwork(EncoderClassifier):
    """Halving 3×3 convolutions with batch norm down to one vector, and a classifier of linear layers.

    Args:
        channels: of the halving layers.
        pool: halve by max pooling after the activation; False: by a stride of 2.
        extra: convolutions without halving at the end.
        slope: of the leaky ReLU; 0 for a ReLU.
        dropout: of whole channels, after each halving.
        hidden: widths of the classifier's hidden layers.
        head_norm: batch norm in the classifier's hidden layers.
        image_size: side of the images in pixels.
    """

    def __init__(
        self,
        channels: PositiveInts,
        pool: bool,
        extra: Layers,
        slope: FractionBelowOne,
        dropout: FractionBelowOne,
        hidden: PositiveInts,
        head_norm: bool,
        image_size: PositiveInt,
    ) -> None:
        def activation() -> nn.Module:
            return nn.LeakyReLU(slope) if slope else nn.ReLU()

        layers: list[nn.Module] = []
        side = image_size
        for i, o in pairwise([3, *channels]):
            layers += [nn.Conv2d(i, o, 3, 1 if pool else 2, 1), nn.BatchNorm2d(o), activation()]
            layers += [nn.MaxPool2d(2)] if pool else []
            layers += [nn.Dropout2d(dropout)] if dropout else []
            side = side // 2 if pool else -(-side // 2)
        if side == 0:
            raise ConfigError(f"image_size={image_size}: this network needs {2 ** len(channels)} pixels or more")
        last = channels[-1]
        for _ in range(extra):
            layers += [nn.Conv2d(last, last, 3, 1, 1), nn.BatchNorm2d(last), activation()]
        features = last * side**2
        classifier: list[nn.Module] = []
        for i, o in pairwise([features, *hidden]):
            classifier += [nn.Linear(i, o), *([nn.BatchNorm1d(o)] if head_norm else []), activation()]
        classifier.append(nn.Linear([features, *hidden][-1], 10))
        super().__init__(nn.Sequential(*layers, nn.Flatten()), nn.Sequential(*classifier), features, image_size)
