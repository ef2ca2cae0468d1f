"""Which images are for training, validation and test: as somebody says, or by a hash of their names."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence

import numpy as np

from datamodules.readers.base import SPLITS

#: What people call a part -> what it is here.
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
#: Part -> the shares of all images, in the order of their hashes, that are cut off for it.
CUT = {"test": (0.0, 0.10), "val": (0.10, 0.15)}


def part_of(word: str) -> str | None:
    """Return the part that a word names in any case, None for another word."""
    return PARTS.get(word.lower())


def hashes(names: Sequence[str]) -> np.ndarray:
    """Return a number in [0, 1) of each name, (n,) float64, which is the same on every machine and for ever."""
    plain = (unicodedata.normalize("NFC", name).encode("utf-8", "surrogateescape") for name in names)
    digests = b"".join(hashlib.blake2b(name, digest_size=8).digest() for name in plain)
    return np.frombuffer(digests, ">u8").astype(np.float64) / 2**64


def cut(names: Sequence[str], labels: np.ndarray, given: np.ndarray | None = None) -> np.ndarray:
    """Return the part of each image, (n,) int8: its place in `SPLITS`.

    A part that `given` lacks is cut off the training images: those whose names hash to its share. So an image stays in
    its part when others are added. Where a part would lack a value of a label, the image with the lowest hash that has
    it moves there, from the training images if they have another one.

    Args:
        names: n names, different from each other.
        labels: (n, k) numbers from 0.
        given: (n,) the same as is returned, of images that somebody has parted.
    """
    parts = np.zeros(len(names), np.int8) if given is None else given.copy()
    missing = [part for part in CUT if not (parts == SPLITS.index(part)).any()]
    if not missing:
        return parts
    draws, pool = hashes(names), parts == 0
    for part in missing:
        low, high = CUT[part]
        parts[pool & (draws >= low) & (draws < high)] = SPLITS.index(part)
    columns = np.hstack([np.zeros((len(names), 1), labels.dtype), labels])  # the first: each part has an image at all
    counts = np.array([_counts(columns, parts == i) for i in range(len(SPLITS))])
    order = np.argsort(draws, kind="stable")
    for part in (*missing, "train"):
        _complete(SPLITS.index(part), parts, columns, order[pool[order]], counts)
    return parts


def _counts(columns: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Return, of each column, how many of some rows have each value: (k, values)."""
    size = int(columns.max(initial=0)) + 1
    return np.array([np.bincount(column[chosen], minlength=size) for column in columns.T])


def _complete(part: int, parts: np.ndarray, columns: np.ndarray, order: np.ndarray, counts: np.ndarray) -> None:
    """Move an image of each value that a part lacks to it, from a part that has another one of each of its values.

    Args:
        part: the part, as in `parts`.
        parts: (n,) the part of each image; it is changed.
        columns: (n, k) labels.
        order: the images that may move, the first ones first.
        counts: (3, k, values) how many images of each part have each value; it is changed.
    """
    every = np.arange(columns.shape[1])
    for i, column in enumerate(columns.T):
        lacking = np.flatnonzero((counts[part, i] == 0) & (counts[:, i] > 1).any(0))
        waiting = order[np.isin(column[order], lacking)] if lacking.size else order[:0]
        for row in waiting[np.argsort(parts[waiting] != 0, kind="stable")]:
            values, home = columns[row], parts[row]
            if counts[part, i, values[i]] == 0 and (counts[home, every, values] > 1).all():
                parts[row] = part
                counts[part, every, values] += 1
                counts[home, every, values] -= 1


def absent(labels: np.ndarray, parts: np.ndarray) -> list[tuple[int, int]]:
    """Return column and value of what is in the data and not in each of its parts."""
    counts = np.array([_counts(labels, parts == i) for i in range(len(SPLITS))])
    found = np.argwhere((counts == 0).any(0) & (counts > 0).any(0))
    return [(int(column), int(value)) for column, value in found]
