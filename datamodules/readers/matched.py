"""One label of a reader, with its values numbered as those of another reader that has the same names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adversaria.config.labels import value_names
from datamodules.labels import classes_of
from datamodules.readers.base import Reader, SplitIndex

UNKNOWN = -1  # the label of an image that has none


class Matched:
    """A reader of the same images with one label.

    Args:
        reader: reads the images, and offers all that is not defined here.
        label: the name of the label. Where the reader has no such label, that of each image is unknown.
        names: the names of its values, in the order to number them.
        trained: whether the label is trained on, so that each part needs each class.
    """

    def __init__(self, reader: Reader, label: str, names: Sequence[str], trained: bool) -> None:
        self.reader, self.label, self.names, self.trained = reader, label, list(names), trained

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "reader"), name)

    @property
    def has_label(self) -> bool:
        """Whether the reader has the label."""
        return self.label in self.reader.attributes()

    def attributes(self) -> list[str]:
        """Return the one label."""
        return [self.label]

    def classes(self) -> dict[str, list[str]]:
        """Return the names of its values, unless they are the usual ones."""
        return {} if self.names == value_names(self.label) else {self.label: self.names}

    def check(self, model: str, wanted: Sequence[str] | None, batch_size: int | None) -> None:
        """Check that there are enough images, as far as the reader can; those of its label only if it is trained on."""
        if check := getattr(self.reader, "check", None):
            check(model, [self.label] if self.trained else None, batch_size)

    def splits(self) -> Mapping[str, SplitIndex]:
        """Return the splits, with labels as numbered here."""
        own = value_names(self.label, classes_of(self.reader)) if self.has_label else []
        kind = np.int8 if len(self.names) < 128 else np.int16
        numbers = np.array([self.names.index(name) for name in own], kind)
        new = {}
        for split, index in self.reader.splits().items():
            labels = np.full((len(index), 1), UNKNOWN, kind)
            if self.has_label:
                labels = numbers[index.labels[:, [self.reader.attributes().index(self.label)]].astype(int)]
            new[split] = SplitIndex(index.names, labels)
        return new
