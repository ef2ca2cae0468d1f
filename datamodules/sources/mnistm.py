"""MNIST-M (Ganin et al. 2016): MNIST digits blended into photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from adversaria.errors import DataError
from adversaria.types import Fraction, NonNegativeInt
from datamodules.sources.digits import PARTS, Digits, DigitSource


class MNISTM(DigitSource):
    """MNIST-M (Ganin et al. 2016), 32×32 with the digit in the middle 28×28, which is what `margin` 2 keeps.

    Reads the original release, `mnist_m_{train,test}/*.png` with `mnist_m_{train,test}_labels.txt`
    (`name label` lines), or packed as sheets of 100 tiles a row, `mnist_m_{train,test}_NN.webp`, with one label
    a line.
    """

    name = "mnistm"
    layouts = "mnist_m_{train,test}/*.png or mnist_m_{train,test}_NN.webp, with mnist_m_{train,test}_labels.txt"
    folders = ("mnist_m", "")
    cure = "set data.root to the folder that has it"

    def __init__(self, root: str, val_fraction: Fraction = 0.08, margin: NonNegativeInt = 2) -> None:
        super().__init__(root, val_fraction, margin)

    def files(self) -> dict[str, list[Path]]:
        """Return the label file, and the sheets or the folder of images, of each part."""
        return {part: [self._find(f"mnist_m_{part}_labels.txt"), *self._images(part)] for part in PARTS}

    def _images(self, part: str) -> list[Path]:
        folder = self._find(f"mnist_m_{part}_labels.txt").parent
        return sorted(folder.glob(f"mnist_m_{part}_[0-9]*.webp")) or [folder / f"mnist_m_{part}"]

    def load(self, part: str) -> Digits:
        """Cut the sheets into tiles, or open each image."""
        rows = [line.split() for line in self.files()[part][0].read_text().splitlines() if line.strip()]
        labels = np.array([int(row[-1]) for row in rows])
        first, *more = self._images(part)
        if first.is_dir():
            return Digits(np.stack([_open(first / row[0]) for row in rows]), labels)
        sheets = [_tiles(_open(file)) for file in (first, *more)]
        return Digits(np.concatenate(sheets)[: len(labels)], labels)


def _open(file: Path) -> np.ndarray:
    try:
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{file} is not a readable image ({error}); fetch it again") from error


def _tiles(sheet: np.ndarray, side: int = 32) -> np.ndarray:
    rows, columns = sheet.shape[0] // side, sheet.shape[1] // side
    return sheet.reshape(rows, side, columns, side, 3).swapaxes(1, 2).reshape(-1, side, side, 3)
