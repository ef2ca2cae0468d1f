"""The layout of the digits in the lab reports: `digits/<set>/{train,test}/*.png` with `train.csv` and `test.csv`."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from adversaria.config.errors import DataError
from adversaria.config.types import FractionBelowOne, NonNegativeInt
from datamodules.readers.decoding import open_rgb
from datamodules.readers.digits import PARTS, DigitArrays, DigitReader


class LabDigits(DigitReader):
    """One set of the lab's digits: `{train,test}/*.png` and `{train,test}.csv` (`image_name,label`).

    The reader looks in `root/digits/<subset>` and `root/<subset>`.

    Args:
        root: folder that contains the sets.
        subset: name of the set's folder, such as `usps`, `mnistm` or `svhn`.
        val_fraction: fraction of the training images that is held out for validation; at least one image.
        margin: pixels to cut off at each side before resizing.
    """

    layouts = "train/*.png with train.csv and test/*.png with test.csv"
    cure = "set data.root to the folder that has digits/"

    def __init__(
        self, root: str, subset: str, val_fraction: FractionBelowOne = 0.08, margin: NonNegativeInt = 0
    ) -> None:
        super().__init__(root, val_fraction, margin)
        self.name, self.folders = f"lab_{subset}", (f"digits/{subset}", subset)

    def files(self) -> dict[str, list[Path]]:
        """Return the CSV table and the folder of images of each part."""
        return {part: [self._find(f"{part}.csv"), self._find(part)] for part in PARTS}

    def load(self, part: str) -> DigitArrays:
        """Open the images in the order of the CSV table."""
        table, folder = self.files()[part]
        with table.open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.reader(stream) if row][1:]
        try:
            labels = np.array([int(label) for _, label in rows])
        except ValueError as error:
            raise DataError(f"{table}: expected rows image_name,label ({error})") from error
        return DigitArrays(np.stack([open_rgb(folder / name) for name, _ in rows]), labels)
