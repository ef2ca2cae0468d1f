"""MNIST (LeCun et al. 1998) as published."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np

from datamodules.sources.digits import Digits, DigitSource


class MNIST(DigitSource):
    """MNIST (LeCun et al. 1998): the four idx files, packed or not, as torchvision lays them out; 28×28, grey."""

    name = "mnist"
    layouts = "train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz] and the same of t10k"
    folders = ("MNIST/raw", "raw", "")

    def files(self) -> dict[str, list[Path]]:
        """Return images and labels of each part."""
        stems = {"train": "train", "test": "t10k"}
        kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
        return {part: [self._find(f"{s}-{k}", f"{s}-{k}.gz") for k in kinds] for part, s in stems.items()}

    def load(self, part: str) -> Digits:
        """Read both files: 16 and 8 bytes of header, then bytes."""
        images, labels = (
            np.frombuffer(gzip.decompress(b) if f.suffix == ".gz" else b, np.uint8)
            for f, b in ((f, f.read_bytes()) for f in self.files()[part])
        )
        return Digits(images[16:].reshape(-1, 28, 28), labels[8:])
