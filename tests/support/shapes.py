"""A data set of squares whose brightness, place and colour tell their class, of any number of classes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from datamodules.readers.base import SplitIndex

COUNTS = {"train": 48, "val": 16, "test": 16}


class Shapes:
    """Squares of one label, `class`, whose values have names.

    Args:
        names: of the classes.
        each: images of each class in the training split, at least.
    """

    name = "shapes"

    def __init__(self, names: Sequence[str], each: int = 1) -> None:
        self.names, self.each = list(names), each

    def attributes(self) -> list[str]:
        return ["class", "Bright"]

    def classes(self) -> dict[str, list[str]]:
        return {"class": self.names}

    def fingerprint(self) -> dict[str, Any]:
        return {"names": self.names, "each": self.each}

    def splits(self) -> dict[str, SplitIndex]:
        kind = np.int8 if len(self.names) <= 127 else np.int16
        return {split: self._split(count, kind) for split, count in COUNTS.items()}

    def _split(self, count: int, kind: type) -> SplitIndex:
        count = max(count, self.each * len(self.names))
        labels = np.stack([np.arange(count) % len(self.names), np.arange(count) // len(self.names) % 2], 1)
        return SplitIndex([f"{value} {bright}" for value, bright in labels], labels.astype(kind))

    def read(self, name: str, size: int) -> np.ndarray:
        value, bright = map(int, name.split())
        image = np.zeros((size, size, 3), np.uint8)
        row, column = divmod(value, 4)
        half = size // 4
        image[row % 4 * half :, column * half : (column + 1) * half, value % 3] = 255 if bright else 160
        return image


def names_of(count: int) -> list[str]:
    """Return names of classes: cat and dog, and numbered ones."""
    return ["cat", "dog", *(f"kind {i}" for i in range(2, count))][:count]


def node(count: int, **options: Any) -> dict[str, Any]:
    """Return the reader of a configuration."""
    return {"_target_": "datamodules.readers.shapes.Shapes", "_partial_": True, "names": names_of(count), **options}


Shapes.__module__ = "datamodules.readers.shapes"
sys.modules[Shapes.__module__] = sys.modules[__name__]  # a configuration can name the project's own readers alone
