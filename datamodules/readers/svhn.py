"""SVHN (Netzer et al. 2011): cropped house numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from adversaria.config.types import FractionBelowOne, NonNegativeInt, PositiveFraction
from datamodules.readers.digits import PARTS, DigitReader, Digits
from datamodules.readers.sheets import read_labels, read_sheets


class SVHN(DigitReader):
    """SVHN (Netzer et al. 2011), cropped digits: 32×32, RGB.

    Reads, the first of these that is complete:

    - the published `train_32x32.mat` and `test_32x32.mat`;
    - sheets of 100 tiles a row, `svhn_{train,test}_NN.webp`, with `svhn_{train,test}_labels.txt`, one label 0 to 9 a
      line;
    - a part of the training set as `svhn_train_*.npz` with `X` and `y`; the last `test_fraction` are for the test.

    Neighbouring images are digits of one photo, so every part is cut off contiguously, never at random.
    """

    name = "svhn"
    layouts = (
        "train_32x32.mat and test_32x32.mat, or svhn_{train,test}_NN.webp with svhn_{train,test}_labels.txt, "
        "or a part as svhn_train_*.npz"
    )
    folders = ("svhn", "SVHN", "")

    def __init__(
        self,
        root: str,
        val_fraction: FractionBelowOne = 0.08,
        margin: NonNegativeInt = 0,
        test_fraction: PositiveFraction = 0.185,
    ) -> None:
        super().__init__(root, val_fraction, margin)
        self.test_fraction = test_fraction

    def files(self) -> dict[str, list[Path]]:
        """Return the files of each part: the same for both where there is only a part of train."""
        published = {part: [self._find(f"{part}_32x32.mat")] for part in PARTS}
        sheets = {part: self._sheets(part) for part in PARTS}
        partial = dict.fromkeys(PARTS, self._all("svhn_train_*.npz")[:1])
        layouts = (published, sheets, partial)
        return next((files for files in layouts if all(map(_present, files.values()))), published)

    def _sheets(self, part: str) -> list[Path]:
        """Return the label file of a part and its sheets; nothing where there are no sheets."""
        sheets = self._all(f"svhn_{part}_[0-9]*.webp")
        return [sheets[0].parent / f"svhn_{part}_labels.txt", *sheets] if sheets else []

    def _all(self, pattern: str) -> list[Path]:
        """Return the files that match, of the first folder that has one."""
        found = (sorted((self.root / folder).glob(pattern)) for folder in self.folders)
        return next(filter(None, found), [])

    def fingerprint(self) -> dict[str, Any]:
        """Return the stamps of all files, and the cut."""
        return {**super().fingerprint(), "test": self.test_fraction}

    def load(self, part: str) -> Digits:
        """Read MATLAB's (32, 32, 3, n), in which the digit 0 has label 10, or the sheets, or the arrays of a part."""
        file, *sheets = self.files()[part]
        if sheets:
            labels = read_labels(file)
            return Digits(read_sheets(sheets, len(labels)), labels)
        if file.suffix == ".mat":
            from scipy.io import loadmat

            content = loadmat(file)
            return Digits(content["X"].transpose(3, 0, 1, 2), np.where(content["y"] == 10, 0, content["y"]).ravel())
        with file.open("rb") as stream, np.load(stream) as content:
            everything = Digits(content["X"], content["y"])
        return everything.part(part, test=round(len(everything.labels) * self.test_fraction))


def _present(files: list[Path]) -> bool:
    return bool(files) and all(file.exists() for file in files)
