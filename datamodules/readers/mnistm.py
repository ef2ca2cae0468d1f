"""MNIST-M (Ganin et al. 2016), MNIST digits blended into photos: the release, and its recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from adversaria.config.errors import DataError
from adversaria.config.types import FractionBelowOne, NonNegativeInt
from datamodules.readers import not_found
from datamodules.readers.decoding import file_stamp, open_rgb
from datamodules.readers.digits import PARTS, DigitReader, Digits
from datamodules.readers.sheets import read_sheets


class MNISTM(DigitReader):
    """MNIST-M (Ganin et al. 2016), 32×32 with the digit in the middle 28×28, which is what `margin` 2 keeps.

    Reads the original release, `mnist_m_{train,test}/*.png` with `mnist_m_{train,test}_labels.txt`
    (`name label` lines), or packed as sheets of 100 tiles a row, `mnist_m_{train,test}_NN.webp`, with one label
    a line.
    """

    name = "mnistm"
    layouts = "mnist_m_{train,test}/*.png or mnist_m_{train,test}_NN.webp, with mnist_m_{train,test}_labels.txt"
    folders = ("mnist_m", "")
    cure = "set data.root to the folder that has it"

    def __init__(self, root: str, val_fraction: FractionBelowOne = 0.08, margin: NonNegativeInt = 2) -> None:
        super().__init__(root, val_fraction, margin)

    def files(self) -> dict[str, list[Path]]:
        """Return the label file, and the sheets or the folder of images, of each part."""
        return {part: [self._find(f"mnist_m_{part}_labels.txt"), *self._images(part)] for part in PARTS}

    def _images(self, part: str) -> list[Path]:
        folder = self._find(f"mnist_m_{part}_labels.txt").parent
        return sorted(folder.glob(f"mnist_m_{part}_[0-9]*.webp")) or [folder / f"mnist_m_{part}"]

    def load(self, part: str) -> Digits:
        """Cut the sheets into tiles, or open each image."""
        rows = [line.split() for line in self.files()[part][0].read_text().splitlines() if line.strip()]
        labels = np.array([int(row[-1]) for row in rows])
        first, *more = self._images(part)
        if first.is_dir():
            return Digits(np.stack([open_rgb(first / row[0]) for row in rows]), labels)
        return Digits(read_sheets((first, *more), len(labels)), labels)


class BlendedDigits(DigitReader):
    """MNIST-M's recipe: each digit blended into a random crop of a random photo, `|photo - digit|` for each channel.

    As in the release, and other than in the paper's text, the digit is a hard mask: 255 wherever it has ink.

    Args:
        digits: factory of the digit source.
        photos: folder of photos (`*.jpg`, `*.png`); None for the two that ship with scikit-learn.
        seed: of the crops.
        val_fraction: part of the training images that is held out for validation.
    """

    cure = "set the photos of the set to a folder of photos, or to null for scikit-learn's two"

    def __init__(
        self,
        digits: Callable[[], DigitReader],
        photos: str | None,
        seed: NonNegativeInt = 0,
        val_fraction: FractionBelowOne = 0.08,
    ) -> None:
        super().__init__("", val_fraction)
        self.digits, self.photos, self.seed = digits(), None if photos is None else Path(photos), seed
        self.name = f"{self.digits.name}_blended"

    def files(self) -> dict[str, list[Path]]:
        """Return the files of the digits; the photos are not part of a split."""
        return self.digits.files()

    def attributes(self) -> list[str]:
        """Return the one label name, after looking that digits and photos are there."""
        if not self._photo_files() and self.photos is not None:
            raise not_found("Photos to blend digits into", [self.photos], "*.jpg and *.png", self.cure)
        return self.digits.attributes()

    def fingerprint(self) -> dict[str, Any]:
        """Return what the digits and the crops depend on."""
        photos = [file_stamp(file) for file in self._photo_files()]
        own = {"photos": photos, "seed": self.seed, "val": self.val_fraction, "recipe": self.recipe}
        return {"digits": self.digits.fingerprint(), **own}

    def load(self, part: str) -> Digits:
        """Blend a part; the crops of train and test are drawn apart."""
        digits, labels = self.digits.load(part)
        generator = np.random.default_rng([self.seed, PARTS.index(part)])
        height, width = digits.shape[1:3]
        photos = [p for p in self._opened() if p.shape[0] >= height and p.shape[1] >= width]
        if not photos:
            raise DataError(f"{self.photos}: no photo is as large as a digit, {height}x{width}")
        images = np.empty((len(digits), height, width, 3), np.uint8)
        for image, digit in zip(images, digits, strict=True):
            photo = photos[generator.integers(len(photos))]
            top, left = (generator.integers(p - d + 1) for p, d in zip(photo.shape, digit.shape, strict=False))
            crop = photo[top : top + height, left : left + width]
            image[...] = np.where(digit[..., None] > 0, 255 - crop, crop)
        return Digits(images, labels)

    def _photo_files(self) -> list[Path]:
        return [] if self.photos is None else sorted([*self.photos.glob("*.jpg"), *self.photos.glob("*.png")])

    def _opened(self) -> list[np.ndarray]:
        if self.photos is not None:
            return [open_rgb(file) for file in self._photo_files()]
        from sklearn.datasets import load_sample_images

        return list(load_sample_images().images)
