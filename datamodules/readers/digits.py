"""What all digit sets share, and the embedded one.

All have the one label column `digit`, 0 to 9, and no validation split of their own: the last `val_fraction` of the
training images serve as one. Grey images become RGB; black stays black.
"""

from __future__ import annotations

import abc
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from adversaria.config.errors import DataError
from adversaria.config.types import FractionBelowOne, NonNegativeInt
from datamodules.labels import DIGIT
from datamodules.readers import SplitIndex, not_found
from datamodules.readers.decoding import file_stamp

PARTS = ("train", "test")


class Digits(NamedTuple):
    """Images (n, h, w) or (n, h, w, 3) uint8, and labels (n,) 0 to 9."""

    images: np.ndarray
    labels: np.ndarray

    def part(self, part: str, test: int) -> Digits:
        """Return `test`, the last so many, or `train`, those before."""
        cut = len(self.labels) - test
        rows = slice(0, cut) if part == "train" else slice(cut, None)
        return Digits(self.images[rows], self.labels[rows])


class DigitReader(abc.ABC):
    """What the digit sets share; a subclass names its files and reads them.

    Args:
        root: folder that has the set.
        val_fraction: part of the training images that is held out for validation.
        margin: pixels around the digit that are cut off before resizing.
    """

    name: str
    layouts: str  # what is read, for the error where it is missing
    cure = "set data.root to the folder that has it, or fetch it with torchvision.datasets"
    folders: tuple[str, ...] = ("",)  # under the root
    recipe = 1

    def __init__(self, root: str, val_fraction: FractionBelowOne = 0.08, margin: NonNegativeInt = 0) -> None:
        self.root, self.val_fraction, self.margin = Path(root), val_fraction, margin
        self._loaded: dict[str, Digits] = {}

    @abc.abstractmethod
    def files(self) -> dict[str, list[Path]]:
        """Return the files of `train` and of `test`, whether or not they are there."""

    @abc.abstractmethod
    def load(self, part: str) -> Digits:
        """Read `train` or `test`."""

    def attributes(self) -> list[str]:
        """Return the one label name, after looking that all files are there."""
        for files in self.files().values():
            for file in files:
                if not file.exists():
                    raise self._missing()
        return [DIGIT]

    def fingerprint(self) -> dict[str, Any]:
        """Return the stamps of all files."""
        self.attributes()
        files = [file for part in PARTS for file in self.files()[part]]
        stamps = [file_stamp(f) for file in files for f in (sorted(file.iterdir()) if file.is_dir() else [file])]
        return {"files": stamps, "val": self.val_fraction, "margin": self.margin, "recipe": self.recipe}

    def tables(self) -> dict[str, SplitIndex]:
        """Return train, its held-out end as val, and test; names are `<part>/<number>`."""
        names = {part: [f"{part}/{i}" for i in range(len(self._digits(part).labels))] for part in PARTS}
        cut = len(names["train"]) - max(1, round(len(names["train"]) * self.val_fraction))
        return {
            "train": self._table("train", names["train"][:cut], slice(0, cut)),
            "val": self._table("train", names["train"][cut:], slice(cut, None)),
            "test": self._table("test", names["test"], slice(0, None)),
        }

    def read(self, name: str, size: int) -> np.ndarray:
        """Return one digit, (size, size, 3) uint8."""
        part, number = name.split("/")
        m = self.margin
        image = self._digits(part).images[int(number)]
        image = image[m : image.shape[0] - m, m : image.shape[1] - m]
        if image.shape[:2] != (size, size):
            image = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)

    def _table(self, part: str, names: list[str], rows: slice) -> SplitIndex:
        return SplitIndex(names, self._digits(part).labels[rows, None].astype(np.int8))

    def _digits(self, part: str) -> Digits:
        if part not in self._loaded:
            self._loaded[part] = self._read(part)
        return self._loaded[part]

    def _read(self, part: str) -> Digits:
        self.attributes()
        files = ", ".join(map(str, self.files()[part]))
        try:
            digits = self.load(part)
        except DataError:
            raise
        except Exception as error:  # each reader has errors of its own: zlib.error, BadZipFile, MatReadError, TypeError
            raise DataError(f"{files} cannot be read ({error}); fetch it again") from error
        if len(digits.images) != len(digits.labels) or not set(np.unique(digits.labels)) <= set(range(10)):
            raise DataError(f"{files}: {len(digits.images)} images and {len(digits.labels)} labels, to be 0 to 9 each")
        if not 0 <= 2 * self.margin < min(digits.images.shape[1:3]):
            raise DataError(
                f"data.reader.margin={self.margin}: nothing is left of images of {digits.images.shape[1:3]}"
            )
        return digits

    def _find(self, *names: str) -> Path:
        """Return the first file that exists, else the first of all."""
        places = [self.root / folder / name for folder in self.folders for name in names]
        return next((place for place in places if place.exists()), places[0])

    def _missing(self) -> DataError:
        looked = [self.root / folder for folder in self.folders]
        return not_found(self.name, looked, self.layouts, self.cure)


class EmbeddedReader(DigitReader):
    """A digit set that is part of a package; the last fifth of it serves as test images."""

    def __init__(self, val_fraction: FractionBelowOne = 0.08) -> None:
        super().__init__("", val_fraction)

    @abc.abstractmethod
    def everything(self) -> Digits:
        """Return the whole set."""

    def files(self) -> dict[str, list[Path]]:
        """Return none."""
        return {part: [] for part in PARTS}

    def load(self, part: str) -> Digits:
        """Return the first four fifths, or the rest."""
        everything = self.everything()
        return everything.part(part, test=-(-len(everything.labels) // 5))


class EmbeddedDigits(EmbeddedReader):
    """The 1,797 real digits that ship with scikit-learn (Alpaydin & Kaynak 1998): 8×8, grey, of 13 writers.

    The last fifth serves as test images.
    """

    name = "digits"

    def everything(self) -> Digits:
        """Scale 0 to 16 to 0 to 255."""
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        return Digits((images.reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8), labels)
