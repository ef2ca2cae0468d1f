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
            "the last %d of the training images of %s lack a class; the last %d are held out for validation",
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
    """Return the training and the validation part of images with binary attributes: the last `fraction` of the rows.

    A rare attribute may be absent from a small validation part. But a part that lacks what a random one of its size
    would have eight times shows that the rows are sorted.

    Raises:
        DataError: the rows are sorted by an attribute.
    """
    train, val = _split(part, len(part) - round(len(part) * fraction))
    if not len(val):
        return train, val
    expected = part.labels.mean(0) * len(val)
    found = val.labels.sum(0)
    for i, column in enumerate(columns):
        values = [(expected[i], found[i]), (len(val) - expected[i], len(val) - found[i])]  # of 1, of 0
        if any(usual >= 8 and not there for usual, there in values):
            raise _uneven(name, f"the held-out images are all alike in {column}, so the rows are sorted by it")
    return train, val


def _split(part: SplitIndex, cut: int) -> tuple[SplitIndex, SplitIndex]:
    return SplitIndex(part.names[:cut], part.labels[:cut]), SplitIndex(part.names[cut:], part.labels[cut:])


def _uneven(name: str, reason: str) -> DataError:
    return DataError(f"{name} has no validation part of its own, and none can be cut off: {reason}; {CURE}")
