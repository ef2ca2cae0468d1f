"""USPS (Hull 1994), as the LIBSVM page publishes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datamodules.readers.digits import DigitArrays, DigitReader


class USPS(DigitReader):
    """USPS (Hull 1994), as the LIBSVM page publishes it: `usps.bz2` and `usps.t.bz2`; 16×16, grey."""

    name = "usps"
    layouts = "usps.bz2 and usps.t.bz2"
    folders = ("", "usps", "USPS")

    def files(self) -> dict[str, list[Path]]:
        """Return the file of each part."""
        return {"train": [self._find("usps.bz2")], "test": [self._find("usps.t.bz2")]}

    def load(self, part: str) -> DigitArrays:
        """Let torchvision read the file."""
        from torchvision.datasets import USPS as Published

        published = Published(str(self.files()[part][0].parent), train=part == "train")
        return DigitArrays(np.asarray(published.data), np.array(published.targets))
