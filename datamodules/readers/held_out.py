"""The validation part of data sets that come without one: the end of the training part."""

from __future__ import annotations

import logging

import numpy as np

from adversaria.config.errors import DataError
from datamodules.readers.base import SplitIndex

log = logging.getLogger(__name__)
CURE = "mix the order of the images, or set data.reader.val_fraction to a larger fraction"


def cut_digits(part: SplitIndex, fraction: float, name: str) -> tuple[SplitIndex, SplitIndex]:
    """Return the training and the validation part of digits; both have every class.

    The validation part is the last `fraction` of the rows, at least one. Where those lack a class, it starts earlier,
    but takes at most half of the rows.

    Raises:
        DataError: no such cut gives both parts every class.
    """
    labels = part.labels[:, 0]
    cut = len(part) - max(1, round(len(part) * fraction))
    classes = np.unique(labels)
    latest = min((int(np.flatnonzero(labels == value)[-1]) for value in classes), default=cut)
    if latest < cut:
        first, cut = cut, latest
        log.warning(
            "the last %d of the training images of %s lack a class, so the last %d are held out for validation",
            len(part) - first,
            name,
            len(part) - cut,
        )
        if cut < len(part) // 2:
            raise _uneven(name, f"the last half of the training images lacks the class {labels[latest]}")
    lacking = np.setdiff1d(classes, labels[:cut])
    if len(part) and lacking.size:
        raise _uneven(name, f"without the part for validation, the training images lack the class {lacking[0]}")
    return _split(part, cut)


def cut_faces(part: SplitIndex, fraction: float, columns: list[str], name: str) -> tuple[SplitIndex, SplitIndex]:
    """Return the training and the validation part of images with binary attributes; both have every value.

    The validation part is the last `fraction` of the rows. Where those lack a value of an attribute, the last row that
    has it is held out too. A value that one row alone has stays where that row is. A part that lacks what a random one
    of its size would have eight times shows that the rows are sorted.

    Raises:
        DataError: the rows are sorted by an attribute.
    """
    count = round(len(part) * fraction)
    held = np.arange(len(part)) >= len(part) - count
    ones = part.labels == 1
    said = []
    for i, column in enumerate(columns if count else ()):
        for value in (0, 1):
            rows = np.flatnonzero(ones[:, i] == value)
            if len(rows) * count >= 8 * len(part) and not held[rows].any():
                raise _uneven(name, f"all held-out images have the same {column}, so the rows seem to be sorted by it")
            if not held[rows].any() and (row := _last_spare(rows, ones, held)) is not None:
                held[row] = True
                said.append(f"{column}={value}")
    if said:
        log.warning(
            "the last %d training images of %s have none of %s; earlier ones are held out too",
            count,
            name,
            ", ".join(said),
        )
    return _rows(part, ~held), _rows(part, held)


def _last_spare(rows: np.ndarray, ones: np.ndarray, held: np.ndarray) -> int | None:
    """Return the last of some rows without which the others that are not held out still have each of its values."""
    have = ones[~held].sum(0)  # the rows with a 1
    have = np.where(ones, have, (~held).sum() - have)
    return next((int(row) for row in rows[::-1] if (have[row] > 1).all()), None)


def _split(part: SplitIndex, cut: int) -> tuple[SplitIndex, SplitIndex]:
    held = np.arange(len(part)) >= cut
    return _rows(part, ~held), _rows(part, held)


def _rows(part: SplitIndex, chosen: np.ndarray) -> SplitIndex:
    return SplitIndex([part.names[i] for i in np.flatnonzero(chosen)], part.labels[chosen])


def _uneven(name: str, reason: str) -> DataError:
    return DataError(f"{name} has no validation split, and none can be cut off its end: {reason}; {CURE}")
