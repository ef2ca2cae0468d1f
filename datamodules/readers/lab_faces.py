"""The layout of the faces in the lab reports: `face/{train,test}/*.png` with `train.csv` and `test.csv`."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np

from adversaria.config.errors import DataError
from adversaria.config.types import FractionBelowOne
from datamodules.readers.base import SplitIndex, not_found
from datamodules.readers.decoding import MAX_FILE, decode_square
from datamodules.readers.files import ImageFolder, file_stamp, folder_stamps
from datamodules.readers.held_out import cut_faces
from datamodules.readers.image_files import warn_of_unlisted
from datamodules.readers.tables import ImageNames, check_columns, is_image_row, read_table

_BINARY = re.compile(r"[01](\.0*)?", re.ASCII)


class LabFaces:
    """Reader of `face/{train,test}/*.png` and `{train,test}.csv` (`image_name,Attr1,…`, 0 or 1).

    The reader looks in `root` and `root/face`. The layout has no validation split: the last `val_fraction` of the
    training rows are held out as one, with earlier ones where these lack a value of an attribute.

    Args:
        root: folder that contains the faces.
        val_fraction: fraction of the training images that is held out for validation.
    """

    name = "lab_faces"

    def __init__(self, root: str, val_fraction: FractionBelowOne = 0.05) -> None:
        self.root = Path(root).absolute()
        self.val_fraction = val_fraction

    @functools.cached_property
    def _folder(self) -> Path:
        looked = [self.root, self.root / "face"]
        for folder in looked:
            if all((folder / name).exists() for name in ("train", "train.csv", "test", "test.csv")):
                return folder
        raise not_found(
            "The lab's faces",
            looked,
            "train/*.png with train.csv and test/*.png with test.csv",
            "set data.root to the folder that has them",
        )

    @functools.cached_property
    def _images(self) -> dict[str, ImageFolder]:
        return {part: ImageFolder(self._folder / part, self.root) for part in ("train", "test")}

    def attributes(self) -> list[str]:
        """Return the columns of train.csv after the image name."""
        return self._columns(self._folder / "train.csv", next(read_table(self._folder / "train.csv"))[1])

    def _columns(self, file: Path, first: list[str]) -> list[str]:
        """Return the titles of the label columns in the first line of a table."""
        if is_image_row(first):
            raise DataError(
                f"{file} has no line of titles: its first line is '{','.join(first)[:100]}'; put one like "
                "image_name,Male,Smiling before it"
            )
        return check_columns(first[1:], file)

    def fingerprint(self) -> dict[str, Any]:
        """Return name, size and time of both tables and of every image."""
        stamps: list[Any] = [file_stamp(self._folder / f"{part}.csv") for part in ("train", "test")]
        for part in ("train", "test"):
            stamps += folder_stamps(self._folder / part)
        return {"files": stamps, "val_fraction": self.val_fraction, "recipe": 3}

    def splits(self) -> dict[str, SplitIndex]:
        """Return train, the held-out end of train as val, and test."""
        part, test = self._index("train"), self._index("test")
        train, val = cut_faces(part, self.val_fraction, self.attributes(), str(self._folder / "train.csv"))
        for split, purpose, other in ((val, "validation", "larger"), (train, "training", "smaller")):
            if len(part) and not len(split):
                raise DataError(
                    f"{self._folder}/train.csv has {len(part)} images, of which data.reader.val_fraction="
                    f"{self.val_fraction:g} leaves none for {purpose}; choose a {other} fraction"
                )
        return {"train": train, "val": val, "test": test}

    def _index(self, part: str) -> SplitIndex:
        file = self._folder / f"{part}.csv"
        columns = self.attributes()
        rows = read_table(file)
        _, first = next(rows)
        if (found := self._columns(file, first)) != columns:
            raise DataError(f"{file}: its columns {found} are not those of train.csv, {columns}")
        images, labels = ImageNames(file), []
        for line, cells in rows:
            images.add(cells[0], line)
            labels.append(_values(cells[1:], len(columns), f"{file}, line {line}"))
        warn_of_unlisted(self._images[part], images.names, file)
        array = np.array(labels, dtype=np.int8).reshape(len(labels), len(columns))
        return SplitIndex([f"{part}/{name}" for name in images.names], array)

    def read(self, name: str, size: int) -> np.ndarray:
        """Return one face, (size, size, 3) uint8; the images are square crops already."""
        part, _, file = name.partition("/")
        data = self._images[part].read(file, MAX_FILE)
        return decode_square(data, str(self._folder / name), size, crop=1)


def _values(cells: list[str], count: int, where: str) -> list[int]:
    """Read the labels of a row.

    Raises:
        DataError: they are not `count` values 0 or 1.
    """
    if len(cells) != count:
        raise DataError(f"{where}: the name is followed by {len(cells)} values, and the first line has {count} titles")
    for cell in cells:
        if not _BINARY.fullmatch(cell):
            raise DataError(f"{where}: expected 0 or 1, found '{cell[:100]}'; write 1 for yes and 0 for no")
    return [int(float(cell)) for cell in cells]
