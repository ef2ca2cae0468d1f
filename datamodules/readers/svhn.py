"""SVHN (Netzer et al. 2011): single digits cropped from photos of house numbers."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from adversaria.config.errors import DataError
from adversaria.config.types import FractionBelowOne, NonNegativeInt, PositiveFraction
from datamodules.readers.archives import check_mat, read_npz
from datamodules.readers.digits import PARTS, DigitArrays, DigitReader
from datamodules.readers.sheets import in_order, read_labels, read_sheets

log = logging.getLogger(__name__)
EXCERPT = "svhn_train_*.npz"


class SVHN(DigitReader):
    """SVHN (Netzer et al. 2011), cropped digits: 32×32, RGB.

    Reads the first of these layouts that is complete:

    - the published `train_32x32.mat` and `test_32x32.mat`;
    - sheets of 100 tiles a row, `svhn_{train,test}_NN.webp`, with `svhn_{train,test}_labels.txt`, one label 0 to 9 a
      line;
    - an excerpt of the training set as `svhn_train_*.npz` with `X` and `y`; its last `test_fraction` is the test part.

    Neighbouring images are digits of one photo, so every part is cut off contiguously, never at random.

    Args:
        root: folder that contains the digit set.
        val_fraction: fraction of the training images that is held out for validation; at least one image.
        margin: pixels to cut off at each side before resizing.
        test_fraction: fraction of an excerpt that is the test part; the other layouts do not use it.
    """

    name = "svhn"
    layouts = (
        "train_32x32.mat and test_32x32.mat, or svhn_{train,test}_NN.webp with svhn_{train,test}_labels.txt, "
        "or an excerpt as svhn_train_*.npz"
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
        """Return the files of each part; of an excerpt, the same file for both parts."""
        published = {part: [self._find(f"{part}_32x32.mat")] for part in PARTS}
        sheets = {part: self._sheets(part) for part in PARTS}
        excerpt = dict.fromkeys(PARTS, self._all(EXCERPT)[:1])
        layouts = (published, sheets, excerpt)
        return next((files for files in layouts if all(map(_complete, files.values()))), published)

    def _sheets(self, part: str) -> list[Path]:
        """Return the label file of a part and its sheets, or nothing if there are no sheets."""
        sheets = self._all(f"svhn_{part}_[0-9]*.webp")
        return [sheets[0].parent / f"svhn_{part}_labels.txt", *sheets] if sheets else []

    def _all(self, pattern: str) -> list[Path]:
        """Return the files that match the pattern in the first folder that contains one."""
        found = (in_order((self.root / folder).glob(pattern)) for folder in self.folders)
        return next(filter(None, found), [])

    def fingerprint(self) -> dict[str, Any]:
        """Return name, size and time of all files, and the options."""
        return {**super().fingerprint(), "test": self.test_fraction}

    def load(self, part: str) -> DigitArrays:
        """Read the sheets, or MATLAB's arrays (32, 32, 3, n), in which the digit 0 has label 10, or an excerpt."""
        file, *sheets = self.files()[part]
        if sheets:
            labels = read_labels(file)
            return DigitArrays(read_sheets(sheets, len(labels)), labels)
        if file.suffix == ".mat":
            return _published(file)
        if part == "train" and len(others := self._all(EXCERPT)) > 1:
            log.warning("of %d excerpts, %s is read alone", len(others), file)
        content = read_npz(file, ("X", "y"))
        digits = DigitArrays(content["X"], _from_0_to_9(content["y"].ravel()))
        return digits.part(part, test_count=round(len(digits.labels) * self.test_fraction))


def _published(file: Path) -> DigitArrays:
    """Read MATLAB's arrays X (32, 32, 3, n) and y (n, 1)."""
    from scipy.io import loadmat, whosmat

    check_mat(file)
    stated = {name: (shape, kind) for name, shape, kind in whosmat(file)}
    shape, kind = stated.get("X", ((), "missing"))
    if kind != "uint8" or len(shape) != 4 or shape[2] != 3 or "y" not in stated:
        raise DataError(
            f"{file}: X is {kind} {shape}, but expected an array (32, 32, 3, n) of uint8, and its labels as y; "
            "fetch it again"
        )
    content = loadmat(file, variable_names=["X", "y"])
    labels = np.asarray(content["y"]).ravel()
    return DigitArrays(content["X"].transpose(3, 0, 1, 2), _from_0_to_9(labels))


def _from_0_to_9(labels: np.ndarray) -> np.ndarray:
    """Return labels in which the digit 0 may have the label 10, as published, or 0."""
    return labels if labels.dtype.kind not in "iuf" or (labels == 0).any() else np.where(labels == 10, 0, labels)


def _complete(files: list[Path]) -> bool:
    return bool(files) and all(file.exists() for file in files)
