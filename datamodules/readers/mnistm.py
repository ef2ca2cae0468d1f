"""MNIST-M (Ganin et al. 2016), MNIST digits blended into photos: as released, or blended here by the same recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from adversaria.config.errors import DataError
from adversaria.config.types import FractionBelowOne, NonNegativeInt, Seed
from datamodules.readers.base import not_found
from datamodules.readers.decoding import open_rgb
from datamodules.readers.digits import PARTS, DigitArrays, DigitReader
from datamodules.readers.files import file_stamp
from datamodules.readers.image_files import ImageFiles
from datamodules.readers.sheets import in_order, read_labels, read_sheets
from datamodules.readers.tables import ImageNames, read_list


class MNISTM(DigitReader):
    """MNIST-M (Ganin et al. 2016): 32×32, RGB, with the digit in the middle 28×28, which is what `margin` 2 keeps.

    Reads one of two layouts:

    - the original release, `mnist_m_{train,test}/*.png` with `mnist_m_{train,test}_labels.txt`, whose lines are
      `name label`;
    - sheets of 100 tiles a row, `mnist_m_{train,test}_NN.webp`, with `mnist_m_{train,test}_labels.txt`, whose lines are
      one label each.
    """

    name = "mnistm"
    layouts = "mnist_m_{train,test}/*.png or mnist_m_{train,test}_NN.webp, with mnist_m_{train,test}_labels.txt"
    folders = ("mnist_m", "")
    cure = "set data.root to the folder that contains it"

    def __init__(self, root: str, val_fraction: FractionBelowOne = 0.08, margin: NonNegativeInt = 2) -> None:
        super().__init__(root, val_fraction, margin)

    def files(self) -> dict[str, list[Path]]:
        """Return the label file of each part, and its sheets or its folder of images."""
        return {part: [self._find(f"mnist_m_{part}_labels.txt"), *self._images(part)] for part in PARTS}

    def _images(self, part: str) -> list[Path]:
        folder = self._find(f"mnist_m_{part}_labels.txt").parent
        return in_order(folder.glob(f"mnist_m_{part}_[0-9]*.webp")) or [folder / f"mnist_m_{part}"]

    def load(self, part: str) -> DigitArrays:
        """Cut the sheets into tiles, or read the list of images, which are opened one by one."""
        file = self.files()[part][0]
        labels = read_labels(file)
        images = self._images(part)
        if not images[0].is_dir():
            return DigitArrays(read_sheets(images, len(labels)), labels)
        listed = ImageNames(file)
        for line, words in read_list(file):
            listed.add(words[0], line)
        return DigitArrays(ImageFiles(images[0], listed.names, self.root, file), labels)


class BlendedDigits(DigitReader):
    """Digits blended into photos as in MNIST-M: `|photo - digit|` for each channel, with a random crop of a photo.

    The digit is a hard mask, 255 wherever it has ink, as in the released images and other than in the paper's text.

    Args:
        digits: factory of the reader of the digits.
        photos: folder of photos (`*.jpg`, `*.png`); None for the two photos that ship with scikit-learn.
        seed: seed of the choice of photos and crops.
        val_fraction: fraction of the training images that is held out for validation; at least one image.
    """

    cure = "set the option `photos` of this digit set to a folder of photos, or to null for scikit-learn's two"

    def __init__(
        self,
        digits: Callable[[], DigitReader],
        photos: str | None,
        seed: Seed = 0,
        val_fraction: FractionBelowOne = 0.08,
    ) -> None:
        super().__init__("", val_fraction)
        self.digits, self.photos, self.seed = digits(), None if photos is None else Path(photos).absolute(), seed
        self.name = f"{self.digits.name}_blended"

    def files(self) -> dict[str, list[Path]]:
        """Return the files of the digits; the photos belong to no part."""
        return self.digits.files()

    def attributes(self) -> list[str]:
        """Return the one label name, after a check that digits and photos exist."""
        if not self._photo_files() and self.photos is not None:
            raise not_found("Photos to blend digits into", [self.photos], "*.jpg and *.png", self.cure)
        return self.digits.attributes()

    def fingerprint(self) -> dict[str, Any]:
        """Return everything that the digits and the crops depend on."""
        photos = [file_stamp(file) for file in self._photo_files()]
        own = {"photos": photos, "seed": self.seed, "val": self.val_fraction, "recipe": self.recipe}
        return {"digits": self.digits.fingerprint(), **own}

    def load(self, part: str) -> DigitArrays:
        """Blend a part; train and test draw their crops from independent random streams."""
        digits, labels = self.digits.load(part)
        if not isinstance(digits, np.ndarray) or digits.ndim != 3:
            raise DataError(f"{self.name}: only grey digits, such as mnist's, can be blended; name another digit set")
        generator = np.random.default_rng([self.seed, PARTS.index(part)])
        height, width = digits.shape[1:3]
        photos = [p for p in self._open_photos() if p.shape[0] >= height and p.shape[1] >= width]
        if not photos:
            raise DataError(f"{self.photos}: no photo is as large as a digit, {height}x{width}; add larger photos")
        images = np.empty((len(digits), height, width, 3), np.uint8)
        for image, digit in zip(images, digits, strict=True):
            photo = photos[generator.integers(len(photos))]
            top, left = (generator.integers(p - d + 1) for p, d in zip(photo.shape, digit.shape, strict=False))
            crop = photo[top : top + height, left : left + width]
            image[...] = np.where(digit[..., None] > 0, 255 - crop, crop)
        return DigitArrays(images, labels)

    def _photo_files(self) -> list[Path]:
        return [] if self.photos is None else sorted([*self.photos.glob("*.jpg"), *self.photos.glob("*.png")])

    def _open_photos(self) -> list[np.ndarray]:
        if self.photos is not None:
            return [open_rgb(file) for file in self._photo_files()]
        from sklearn.datasets import load_sample_images

        return list(load_sample_images().images)
