"""Small convolutional classifiers."""

from __future__ import annotations

from torch import Tensor, nn

from adversaria.config.types import Classes, FractionBelowOne, Labels, PositiveInt
from datamodules.labels import label_sizes, logit_count


class ConvClassifier(nn.Module):
    """Four blocks of two 3×3 convolutions, each halving the image, global average, a layer of features, a linear head.

    Args:
        labels: names of the labels to predict; a binary one has one logit, any other one logit for each value.
        width: channels of the first block; they double from block to block.
        num_features: length of the feature vector that the head reads.
        dropout: on the features.
        classes: the names of the labels' values.
    """

    def __init__(
        self,
        labels: Labels,
        width: PositiveInt = 24,
        num_features: PositiveInt = 128,
        dropout: FractionBelowOne = 0.3,
        classes: Classes | None = None,
    ) -> None:
        super().__init__()
        self.labels, self.classes, self.num_features = list(labels or ()), classes or {}, num_features
        layers: list[nn.Module] = []
        channels = 3
        for block in range(4):
            out = width * 2**block
            layers += [nn.Conv2d(channels, out, 3, 2 if block else 1, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            layers += [nn.Conv2d(out, out, 3, 2 if block == 0 else 1, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            channels = out
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, num_features), nn.ReLU()]
        self.encoder = nn.Sequential(*layers)
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(num_features, sum(map(logit_count, label_sizes(self.labels, classes))))
        )

    def forward(self, image: Tensor) -> Tensor:
        """Map (n, 3, h, w) images to the logits of all labels."""
        logits: Tensor = self.head(self.encoder(image))
        return logits
