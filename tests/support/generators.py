"""Stand-ins for a run: a data set, a trainer, and generators whose images can be told from their inputs."""

from __future__ import annotations

import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from adversaria.config.types import Classes
from datamodules.labels import label_sizes


class Data:
    """Grey test images of 4×4 pixels with the given labels; the same for every split."""

    classes: dict[str, list[str]] = {}

    def __init__(self, labels: list[list[int]]) -> None:
        self.labels = torch.tensor(labels, dtype=torch.int8)
        self.cache = types.SimpleNamespace(splits=dict.fromkeys(("train", "val", "test"), self.labels))

    def images(self, split: str, count: int) -> dict[str, Tensor]:
        labels = self.labels[:count]
        return {"image": torch.linspace(0, 1, len(labels)).view(-1, 1, 1, 1).expand(-1, 3, 4, 4), "labels": labels}

    def pixels(self, split: str, count: int | None = None) -> dict[str, Tensor]:
        batch = self.images(split, len(self.labels) if count is None else count)
        return {**batch, "image": (batch["image"] * 255).round().to(torch.uint8)}


class Unconditional(nn.Module):
    """Images of one colour: the noise, (n, 3), is the colour."""

    value_range = (0.0, 1.0)
    iteration = 7
    images = 0

    def __init__(self) -> None:
        super().__init__()
        self.device = torch.device("cpu")
        self.recorded: dict[str, float] = {}

    def noise(self, count: int, seed: int) -> Tensor:
        return torch.rand(count, 3, generator=torch.Generator().manual_seed(seed))

    def sample(self, count: int, noise: Tensor | None = None) -> Tensor:
        assert noise is not None
        assert len(noise) == count
        return noise.view(count, 3, 1, 1).expand(-1, -1, 4, 4)

    def record(self, stage: str, values: dict[str, Tensor], count: int = 1) -> None:
        self.recorded |= {f"{stage}/{name}": float(value) for name, value in values.items()}

    def publish(self, stage: str) -> None:
        """Nothing is shown."""


class Conditional(Unconditional):
    """Images of one colour: red from the noise, green from the first label, blue from the second."""

    def __init__(self, *labels: str, classes: Classes | None = None) -> None:
        super().__init__()
        self.labels, self.classes, self.sizes = list(labels), classes or {}, label_sizes(labels, classes)
        self.asked: list[tuple[Tensor, Tensor]] = []  # noise and labels of each call

    def labels_of(self, batch: dict[str, Tensor]) -> Tensor:
        return batch["labels"].long()

    def some_labels(self, count: int) -> Tensor:
        return torch.zeros(count, len(self.labels), dtype=torch.long)

    def sample(self, count: int, noise: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        assert noise is not None
        assert labels is not None
        assert len(noise) == len(labels) == count
        self.asked.append((noise, labels))
        colour = torch.zeros(count, 3)
        colour[:, 0] = noise[:, 0]
        for channel, size in enumerate(self.sizes[:2], 1):
            colour[:, channel] = labels[:, channel - 1] / (size - 1)
        return super().sample(count, colour)


@pytest.fixture
def unconditional() -> Unconditional:
    """A generator whose images have the colour of the noise."""
    return Unconditional()


@pytest.fixture
def conditional() -> Callable[..., Conditional]:
    """Build a generator with labels: red is the noise, green the first label, blue the second."""
    return Conditional


@pytest.fixture
def trainer_on(tmp_path: Path) -> Callable[..., Any]:
    """Build a trainer with a data set of these labels."""

    def build(labels: list[list[int]]) -> Any:
        parts = {"default_root_dir": str(tmp_path), "loggers": [], "is_global_zero": True, "callback_metrics": {}}
        return types.SimpleNamespace(**parts, datamodule=Data(labels))

    return build


class Colours(nn.Module):
    """An extractor whose features are the colour of the middle pixel, 0 to 255, and whose logits read labels off it.

    It knows of `Conditional` where it puts the labels: a value's logit is highest where the channel has its brightness.
    """

    name, num_features = "colours", 3

    def __init__(self, *labels: str, classes: Classes | None = None) -> None:
        super().__init__()
        self.labels, self.sizes = list(labels), label_sizes(labels, classes)

    def forward(self, image: Tensor) -> Tensor:
        assert image.dtype == torch.uint8
        assert image.shape[1] == 3
        return image[:, :, 2, 2].float()

    def logits(self, image: Tensor) -> Tensor:
        logits = []
        for channel, size in enumerate(self.sizes, 1):
            brightness = self(image)[:, [channel]] / 255
            values = torch.linspace(0, 1, size)
            logits.append(brightness - 0.5 if size == 2 else -100 * (brightness - values).abs())
        return torch.cat(logits or [self(image) / 100], 1)

    def both(self, image: Tensor) -> tuple[Tensor, Tensor]:
        return self(image), self.logits(image)

    def describe(self) -> dict[str, str]:
        return {"extractor": self.name}


@pytest.fixture
def colours() -> Callable[..., Colours]:
    """Build an extractor that reads the colour, and the labels that `conditional` generators put into it."""
    return Colours
