"""SVHN (Netzer et al. 2011): cropped house numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from adversaria.types import Fraction, NonNegativeInt, Share
from datamodules.sources.digits import PARTS, Digits, DigitSource


class SVHN(DigitSource):
    """SVHN (Netzer et al. 2011), cropped digits: `train_32x32.mat`, `test_32x32.mat`; 32×32, RGB.

    Where only a part of the training set is at hand, as `svhn_train_*.npz` with `X` and `y`, its last `test_fraction`
    serve as test images: neighbours are digits of one photo, so the cut is contiguous.
    """

    name = "svhn"
    layouts = "train_32x32.mat and test_32x32.mat, or a part as svhn_train_*.npz"
    folders = ("svhn", "SVHN", "")

    def __init__(
        self, root: str, val_fraction: Fraction = 0.08, margin: NonNegativeInt = 0, test_fraction: Share = 0.185
    ) -> None:
        super().__init__(root, val_fraction, margin)
        self.test_fraction = test_fraction

    def files(self) -> dict[str, list[Path]]:
        """Return the file of each part: the same for both where there is only a part of train."""
        published = {part: [self._find(f"{part}_32x32.mat")] for part in PARTS}
        partial = [p for f in self.folders for p in sorted((self.root / f).glob("svhn_train_*.npz"))][:1]
        complete = all(file.exists() for files in published.values() for file in files)
        return published if complete or not partial else dict.fromkeys(PARTS, partial)

    def fingerprint(self) -> dict[str, Any]:
        """Return the stamps of all files, and the cut."""
        return {**super().fingerprint(), "test": self.test_fraction}

    def load(self, part: str) -> Digits:
        """Read MATLAB's (32, 32, 3, n), in which the digit 0 has label 10, or the arrays of a part."""
        (file,) = self.files()[part]
        if file.suffix == ".mat":
            from scipy.io import loadmat

            content = loadmat(file)
            return Digits(content["X"].transpose(3, 0, 1, 2), np.where(content["y"] == 10, 0, content["y"]).ravel())
        with file.open("rb") as stream, np.load(stream) as content:
            everything = Digits(content["X"], content["y"])
        return everything.part(part, test=round(len(everything.labels) * self.test_fraction))
