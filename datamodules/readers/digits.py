"""The base classes of all readers of digits, and the digits that scikit-learn contains.

All digit sets have one label column, `digit`, 0 to 9. They have no validation split of their own: the last
`val_fraction` of the training images are held out as one. Grey images become RGB with three equal channels.
"""

from __future__ import annotations

import abc
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from adversaria.config.errors import ConfigError, DataError
from adversaria.config.labels import DIGIT
from adversaria.config.types import FractionBelowOne, NonNegativeInt
from datamodules.readers.base import SplitIndex, not_found
from datamodules.readers.files import check_regular, file_stamp, folder_stamps
from datamodules.readers.held_out import cut_digits
from datamodules.readers.image_files import ImageFiles

PARTS = ("train", "test")  # as published; the splits train and val are cut from the part train


class DigitArrays(NamedTuple):
    """Images (n, h, w) or (n, h, w, 3) uint8, in memory or as files, and their labels (n,), 0 to 9."""

    images: np.ndarray | ImageFiles
    labels: np.ndarray

    def part(self, part: str, test_count: int) -> DigitArrays:
        """Return the part `test`, which is the last `test_count` digits, or the part `train`, which is the others."""
        assert isinstance(self.images, np.ndarray), "files have a table for each part"
        cut = len(self.labels) - test_count
        rows = slice(0, cut) if part == "train" else slice(cut, None)
        return DigitArrays(self.images[rows], self.labels[rows])


class DigitReader(abc.ABC):
    """Base class of the readers of digits; a subclass names its files and reads them.

    Args:
        root: folder that contains the digit set.
        val_fraction: fraction of the training images that is held out for validation; at least one image.
        margin: pixels to cut off at each side before resizing.
    """

    name: str
    layouts: str  # the files that can be read, for the error message when they are missing
    cure = "set data.root to the folder that has it, or fetch it with torchvision.datasets"
    folders: tuple[str, ...] = ("",)  # below the root, in which to look for the files
    recipe = 2  # version of the code that makes the arrays; a new one makes new caches

    def __init__(self, root: str, val_fraction: FractionBelowOne = 0.08, margin: NonNegativeInt = 0) -> None:
        self.root, self.val_fraction, self.margin = Path(root).absolute(), val_fraction, margin
        self._loaded: dict[str, DigitArrays] = {}

    @abc.abstractmethod
    def files(self) -> dict[str, list[Path]]:
        """Return the files of the parts `train` and `test`, whether or not they exist."""

    @abc.abstractmethod
    def load(self, part: str) -> DigitArrays:
        """Read the part `train` or `test`."""

    def attributes(self) -> list[str]:
        """Return the one label name, after a check that all files exist."""
        for files in self.files().values():
            for file in files:
                if not file.exists():
                    raise not_found(self.name, [self.root / f for f in self.folders], self.layouts, self.cure)
                if not file.is_dir():
                    check_regular(file)
        return [DIGIT]

    def fingerprint(self) -> dict[str, Any]:
        """Return name, size and time of all files, and the options."""
        self.attributes()
        files = [file for part in PARTS for file in self.files()[part]]
        stamps = [s for f in files for s in (folder_stamps(f) if f.is_dir() else [file_stamp(f)])]
        return {"files": stamps, "val": self.val_fraction, "margin": self.margin, "recipe": self.recipe}

    def splits(self) -> dict[str, SplitIndex]:
        """Return train, its held-out end as val, and test; names are `<part>/<number>`."""
        train, val = cut_digits(self._index("train"), self.val_fraction, self.name)
        return {"train": train, "val": val, "test": self._index("test")}

    def read(self, name: str, size: int) -> np.ndarray:
        """Return one digit, (size, size, 3) uint8."""
        part, number = name.split("/")
        m = self.margin
        image = self._digits(part).images[int(number)]
        if not 0 <= 2 * m < min(image.shape[:2]):
            raise ConfigError(
                f"data.reader.margin={m}: images of {image.shape[0]}x{image.shape[1]} need a margin from 0 to less "
                "than half of their side"
            )
        image = image[m : image.shape[0] - m, m : image.shape[1] - m]
        if image.shape[:2] != (size, size):
            image = np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR))
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)

    def _index(self, part: str) -> SplitIndex:
        labels = self._digits(part).labels[:, None].astype(np.int8)
        return SplitIndex([f"{part}/{i}" for i in range(len(labels))], labels)

    def _digits(self, part: str) -> DigitArrays:
        if part not in self._loaded:
            self._loaded[part] = self._read(part)
        return self._loaded[part]

    def _read(self, part: str) -> DigitArrays:
        self.attributes()
        files = ", ".join(map(str, self.files()[part]))
        try:
            digits = self.load(part)
        except DataError:
            raise
        except Exception as error:  # each file format has its own: zlib.error, BadZipFile, MatReadError, TypeError
            raise DataError(f"{files} cannot be read ({error}); fetch it again") from error
        if isinstance(digits.images, np.ndarray):
            check_layout(digits.images, files)
        if len(digits.images) != len(digits.labels):
            raise DataError(
                f"{files}: {len(digits.images)} images and {len(digits.labels)} labels, but each image needs a label; "
                "fetch them again"
            )
        kind, values = digits.labels.dtype, np.unique(digits.labels)
        wrong = [value for value in values.tolist() if value not in range(10)]
        if kind.kind not in "iuf" or wrong:
            found = f"found {wrong[0]}" if wrong else f"they are {kind}"
            raise DataError(f"{files}: the labels must be numbers from 0 to 9, but {found}; convert them")
        return digits

    def _find(self, *names: str) -> Path:
        """Return the first of these files that exists, or the first of all if none exists."""
        places = [self.root / folder / name for folder in self.folders for name in names]
        return next((place for place in places if place.exists()), places[0])


def check_layout(images: np.ndarray, files: str) -> None:
    """Check that an array has images whose pixels mean what they are taken for.

    Raises:
        DataError: it is not (n, h, w) or (n, h, w, 3), or not uint8.
    """
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[3:] not in ((), (3,)):
        raise DataError(
            f"{files}: the images are an array {images.shape} of {images.dtype}, but expected (n, height, width, 3) "
            "or (n, height, width) of uint8, 0 to 255; convert them"
        )


class EmbeddedReader(DigitReader):
    """Base class of digit sets that an installed package contains; the last fifth of each is the test part."""

    def __init__(self, val_fraction: FractionBelowOne = 0.08) -> None:
        super().__init__("", val_fraction)

    @abc.abstractmethod
    def load_all(self) -> DigitArrays:
        """Return the whole set, train and test together."""

    def files(self) -> dict[str, list[Path]]:
        """Return no files: the package has them."""
        return {part: [] for part in PARTS}

    def load(self, part: str) -> DigitArrays:
        """Return the first four fifths as `train`, or the last fifth as `test`."""
        digits = self.load_all()
        return digits.part(part, test_count=-(-len(digits.labels) // 5))


class EmbeddedDigits(EmbeddedReader):
    """The 1,797 real digits that ship with scikit-learn (Alpaydin & Kaynak 1998): 8×8, grey, of 13 writers.

    The last fifth is the test part.
    """

    name = "digits"

    def load_all(self) -> DigitArrays:
        """Return all digits, with their pixels scaled from 0–16 to 0–255."""
        from sklearn.datasets import load_digits

        images, labels = load_digits(return_X_y=True)
        return DigitArrays((images.reshape(-1, 8, 8) * (255 / 16)).round().astype(np.uint8), labels)
