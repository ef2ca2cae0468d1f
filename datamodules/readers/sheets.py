"""Sheets: image files that contain a digit set as tiles of 32×32 pixels, 100 tiles in a row."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from datamodules.readers.decoding import open_rgb

SIDE = 32  # pixels of a tile


def read_sheets(files: Iterable[Path], count: int) -> np.ndarray:
    """Return the first `count` tiles of these sheets, row by row, or all if there are fewer: (n, 32, 32, 3) uint8.

    Raises:
        DataError: a sheet is missing or damaged.
    """
    return np.concatenate([_tiles(open_rgb(file)) for file in files])[:count]


def read_rows(file: Path) -> list[list[str]]:
    """Return the words of each line of a text file; blank lines are ignored."""
    return [words for line in file.read_text(encoding="utf-8").splitlines() if (words := line.split())]


def read_labels(file: Path) -> np.ndarray:
    """Return the labels (n,) of a text file in which each line ends with a label; blank lines are ignored."""
    return np.array([int(row[-1]) for row in read_rows(file)])


def _tiles(sheet: np.ndarray) -> np.ndarray:
    rows, columns = sheet.shape[0] // SIDE, sheet.shape[1] // SIDE
    return sheet.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)
