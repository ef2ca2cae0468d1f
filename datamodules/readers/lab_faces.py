"""The layout of the faces in the lab reports: `face/{train,test}/*.png` with `train.csv` and `test.csv`."""

from __future__ import annotations

import csv
import functools
import os
from pathlib import Path
from typing import Any

import numpy as np

from adversaria.config.errors import DataError
from adversaria.config.types import FractionBelowOne
from datamodules.readers.base import SplitIndex, not_found
from datamodules.readers.decoding import decode_square, file_stamp

_BINARY = {0.0: 0, 1.0: 1}


class LabFaces:
    """Reader of `face/{train,test}/*.png` and `{train,test}.csv` (`image_name,Attr1,…`, 0 or 1).

    The reader looks in `root` and `root/face`. The layout has no validation split: the last `val_fraction` of the
    training rows are held out as one.

    Args:
        root: folder that contains the faces.
        val_fraction: fraction of the training images that is held out for validation.
    """

    name = "lab_faces"

    def __init__(self, root: str, val_fraction: FractionBelowOne = 0.05) -> None:
        self.root = Path(root)
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

    def attributes(self) -> list[str]:
        """Return the columns of train.csv after the image name."""
        with (self._folder / "train.csv").open(newline="", encoding="utf-8") as stream:
            return next(csv.reader(stream), [])[1:]

    def fingerprint(self) -> dict[str, Any]:
        """Return name, size and time of both tables and of every image."""
        folder = self._folder
        stamps: list[Any] = [file_stamp(folder / f"{part}.csv") for part in ("train", "test")]
        for part in ("train", "test"):
            with os.scandir(folder / part) as entries:
                stamps += sorted([e.name, e.stat().st_size, e.stat().st_mtime_ns] for e in entries)
        return {"files": stamps, "val_fraction": self.val_fraction, "recipe": 1}

    def splits(self) -> dict[str, SplitIndex]:
        """Return train, the held-out end of train as val, and test."""
        train, test = self._index("train"), self._index("test")
        cut = len(train) - round(len(train) * self.val_fraction)
        if cut == len(train):
            raise DataError(
                f"{self._folder}/train.csv has {len(train)} images, of which data.reader.val_fraction="
                f"{self.val_fraction:g} leaves none for validation; choose a larger fraction"
            )
        return {
            "train": SplitIndex(train.names[:cut], train.labels[:cut]),
            "val": SplitIndex(train.names[cut:], train.labels[cut:]),
            "test": test,
        }

    def _index(self, part: str) -> SplitIndex:
        file = self._folder / f"{part}.csv"
        names: list[str] = []
        labels: list[list[int]] = []
        columns = self.attributes()
        with file.open(newline="", encoding="utf-8") as stream:
            rows = csv.reader(stream)
            if (header := next(rows, [])[1:]) != columns:
                raise DataError(f"{file}: its columns {header} are not those of train.csv, {columns}")
            for row in filter(None, rows):
                try:
                    values = [_BINARY[float(v)] for v in row[1:]]
                except (ValueError, KeyError) as error:
                    raise DataError(f"{file}, line {rows.line_num}: expected 0 or 1, found {error}") from error
                if len(values) != len(columns):
                    raise DataError(f"{file}, line {rows.line_num}: expected {len(columns)} values after the name")
                names.append(f"{part}/{row[0]}")
                labels.append(values)
        return SplitIndex(names, np.array(labels, dtype=np.int8).reshape(len(names), len(columns)))

    def read(self, name: str, size: int) -> np.ndarray:
        """Return one face, (size, size, 3) uint8; the images are square crops already."""
        file = self._folder / name
        try:
            data = file.read_bytes()
        except OSError as error:
            raise DataError(
                f"{file} cannot be read ({error.strerror}); set data.on_bad_image=skip to omit such images"
            ) from error
        return decode_square(data, str(file), size, crop=1)
