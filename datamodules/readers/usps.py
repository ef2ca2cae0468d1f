"""USPS (Hull 1994) as the LIBSVM page has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from datamodules.readers.digits import DigitReader, Digits


class USPS(DigitReader):
    """USPS (Hull 1994) as the LIBSVM page has it and torchvision reads it: `usps.bz2`, `usps.t.bz2`; 16×16, grey."""

    name = "usps"
    layouts = "usps.bz2 and usps.t.bz2"
    folders = ("", "usps", "USPS")

    def files(self) -> dict[str, list[Path]]:
        """Return the file of each part."""
        return {"train": [self._find("usps.bz2")], "test": [self._find("usps.t.bz2")]}

    def load(self, part: str) -> Digits:
        """Let torchvision read the text."""
        from torchvision.datasets import USPS as Published

        published = Published(str(self.files()[part][0].parent), train=part == "train")
        return Digits(np.asarray(published.data), np.array(published.targets))
