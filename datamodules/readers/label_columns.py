"""Columns of labels from the texts in a table: binary in any usual spelling, or one of k classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adversaria.config.errors import DataError
from adversaria.config.labels import DIGIT

_YES = {"1", "1.0", "yes", "y", "true", "t", "on"}
_NO = {"0", "0.0", "-1", "-1.0", "no", "n", "false", "f", "off"}
_INTEGER = re.compile(r"[+-]?\d{1,15}(\.0*)?", re.ASCII)
LONGEST = 100  # letters of a class's name
MOST_CLASSES = 32_767  # that the labels of the cache can number


@dataclass(frozen=True)
class LabelColumn:
    """A label of n images.

    Attributes:
        name: of the label.
        values: (n,) int16: 0 or 1, or the index of each image's class.
        classes: names of the classes in the order of their numbers; None for a binary attribute.
    """

    name: str
    values: np.ndarray
    classes: list[str] | None

    def counts(self) -> dict[str, int]:
        """Return the number of images by class, or of those that have the attribute under `yes`."""
        names = ["no", "yes"] if self.classes is None else self.classes
        return dict(zip(names, np.bincount(self.values, minlength=len(names)).tolist(), strict=True))


def label_column(name: str, cells: Sequence[str], where: str) -> LabelColumn | str:
    """Return the label that the cells of a column are, one for each image; or why they are none, as a clause.

    Args:
        name: the title of the column.
        cells: its texts.
        where: name of the table, for the error.

    Raises:
        DataError: a cell is empty, or there are more than `MOST_CLASSES` classes.
    """
    counts = Counter(cells)
    if counts[""]:
        raise DataError(
            f"{where}: {counts['']} of {len(cells)} images have no value in the column '{name}'; fill it in, or remove "
            "the column"
        )
    if len(counts) < 2:
        return f"{name} is '{next(iter(counts), '')[:50]}' everywhere"
    spelled = {cell.lower() for cell in counts}
    if spelled <= _YES | _NO and spelled & _YES and spelled & _NO and name != DIGIT:
        return LabelColumn(name, np.array([cell.lower() in _YES for cell in cells], np.int16), None)
    if 2 * len(counts) > len(cells) > 3:
        return f"{name} has {len(counts)} different values"
    if max(map(len, counts)) > LONGEST:
        return f"{name} has texts of more than {LONGEST} letters"
    if len(counts) > MOST_CLASSES:
        raise DataError(f"{where}: the column '{name}' has {len(counts)} classes, more than {MOST_CLASSES}; remove it")
    return class_column(name, cells)


def class_column(name: str, cells: Sequence[str]) -> LabelColumn:
    """Return the label whose classes are the different texts of a column, in the order of numbers or letters."""
    values = set(cells)
    classes = sorted(values, key=float if all(map(_INTEGER.fullmatch, values)) else None)
    number = {value: i for i, value in enumerate(classes)}
    return LabelColumn(name, np.array([number[cell] for cell in cells], np.int16), classes)
