"""Sheets: image files that contain a digit set as tiles of 32×32 pixels, 100 tiles in a row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from adversaria.config.errors import DataError
from datamodules.readers.decoding import open_rgb
from datamodules.readers.tables import read_list

SIDE = 32  # pixels of a tile
DIGITS = frozenset("0123456789")
BLACK = 32  # a tile whose values are all below is empty: a sheet may be packed with some loss


def in_order(files: Iterable[Path]) -> list[Path]:
    """Sort files by the numbers in their names, so that the sheet 10 comes after the sheet 9."""
    return sorted(files, key=lambda file: ([int(number) for number in re.findall(r"[0-9]+", file.stem)], file.name))


def read_sheets(files: list[Path], count: int) -> np.ndarray:
    """Return the first `count` tiles of these sheets, row by row, or all if there are fewer: (n, 32, 32, 3) uint8.

    Raises:
        DataError: a sheet is missing or damaged, a tile after the first `count` is not black, or the last of them is.
    """
    tiles = np.concatenate([_tiles(file) for file in files])
    filled = np.flatnonzero(tiles.reshape(len(tiles), -1).max(1) >= BLACK)
    digits = int(filled[-1]) + 1 if filled.size else 0
    if digits != min(count, len(tiles)):
        raise DataError(
            f"{files[0].parent}: there are {count} labels, and {digits} digits in {files[0].name} and the sheets after "
            "it, but each digit needs a label; fetch the list of labels again"
        )
    return tiles[:count]


def read_labels(file: Path) -> np.ndarray:
    """Return the labels (n,) of a text file in which each line ends with a label; blank lines are ignored.

    Raises:
        DataError: a label is not a digit from 0 to 9. The message names file and line.
    """
    labels = []
    for number, words in read_list(file):
        if len(words) > 2:
            raise DataError(f"{file}, line {number}: expected a label, or its name and label, found {len(words)} words")
        if words[-1] not in DIGITS:
            raise DataError(f"{file}, line {number}: expected a label from 0 to 9, found '{words[-1][:100]}'")
        labels.append(int(words[-1]))
    return np.array(labels, dtype=np.int64)


def _tiles(file: Path) -> np.ndarray:
    sheet = open_rgb(file)
    rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    if sheet.shape[:2] != (rows * SIDE, columns * SIDE):
        raise DataError(f"{file} has {sheet.shape[1]}x{sheet.shape[0]} pixels; both sides must be multiples of {SIDE}")
    return sheet.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
