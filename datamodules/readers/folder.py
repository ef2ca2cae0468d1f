"""Anyone's images: a folder, a .zip or a .tar, with class folders, a table of labels, or no labels."""

from __future__ import annotations

import functools
import itertools
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adversaria.config.errors import DataError
from adversaria.config.types import Crop
from datamodules.readers.base import SPLITS
from datamodules.readers.decoding import MAX_FILE, decode_cropped
from datamodules.readers.files import IMAGE_SUFFIXES, MAX_TEXT, file_stamp, read_file
from datamodules.readers.found import Found
from datamodules.readers.label_columns import LabelColumn, class_column
from datamodules.readers.label_table import LABEL, TABLES, LabelTable
from datamodules.readers.own_images import OwnImages, shown
from datamodules.readers.parts import part_of
from datamodules.readers.stores import FolderStore, Store, open_store

_HOW = "put the images of each class into a folder of their own, or write labels.csv"


class Folder(OwnImages):
    """Reader of the images in `root`, a folder with all folders in it, a .zip or a .tar.

    Folders `train`, `val` and `test` part the images, else a column `split` of the table, else a hash of the names. The
    table is `labels.csv` or `labels.json`, in the folder or beside it. Without one, the folders of classes are the
    label `class`, where each image is in one.

    Args:
        root: the folder or archive; nothing is written to it.
        crop: the square in the `centre` of an image, or at its `top`; `none` squeezes the whole image.
    """

    name = "folder"

    def __init__(self, root: str, crop: Crop = "centre") -> None:
        self.root = Path(root).absolute()
        super().__init__(str(self.root), crop)

    @functools.cached_property
    def _store(self) -> Store:
        return open_store(self.root)

    @functools.cached_property
    def _images(self) -> list[str]:
        images = sorted(name for name in self._store.files if name.lower().endswith(IMAGE_SUFFIXES))
        if images:
            return images
        if not self._store.files:
            raise DataError(f"{self.place} is empty; put your images there, or name another folder with data.root=PATH")
        raise DataError(
            f"{self.place} has no image among its files ({shown(self._others())}); save them as JPEG, PNG, WebP, TIFF, "
            "BMP or GIF"
        )

    def _others(self) -> dict[str, int]:
        """Return how many files are neither images nor the table, by suffix."""
        files = (name for name in self._store.files if name.rpartition("/")[2] not in TABLES)
        suffixes = (os.path.splitext(name)[1].lower() for name in files)  # noqa: PTH122  # of many names
        counts = Counter(suffix or "without suffix" for suffix in suffixes if suffix not in IMAGE_SUFFIXES)
        return dict(counts.most_common())

    def find(self) -> Found:
        """List the images, and find their parts and labels."""
        start = len(_common_folder(self._images))
        keys = [name[start:] for name in self._images]
        left_out, tops = self._others(), _part_folders(keys)
        if tops:
            inside = [key for key in keys if key.partition("/")[0] in tops]
            left_out |= {f"outside {', '.join(sorted(tops))}": len(keys) - len(inside)}
            keys = inside
        given = _codes([tops[key.partition("/")[0]] for key in keys]) if tops else None
        given_by = f"the folders {', '.join(sorted(tops))}"
        columns, no_labels = _folder_labels([key.partition("/")[2] for key in keys] if tops else keys)
        if table := self._open_table(keys):
            rows = [i for i, key in enumerate(keys) if key in table.rows]
            title = Path(table.file).name
            left_out |= {f"not in {title}": len(keys) - len(rows), f"rows of {title} without an image": table.unknown}
            keys, given = [keys[i] for i in rows], None if given is None else given[rows]
            words, columns, no_labels = table.columns(keys)
            if given is None and words:
                given, given_by = _codes(words), f"a column of {title}"
        names = [self._images[0][:start] + key for key in keys]
        left_out = {kind: count for kind, count in left_out.items() if count}
        elsewhere = self._store.elsewhere(names) if isinstance(self._store, FolderStore) else 0
        return Found(names, keys, columns, no_labels, given, given_by, left_out, elsewhere)

    @functools.cached_property
    def _table(self) -> str | None:
        """The name of the table: one of the store's, or a whole path."""
        folders = dict.fromkeys((_common_folder(self._images), ""))
        inside = (folder + name for folder in folders for name in TABLES if folder + name in self._store.files)
        beside = (str(self.root.parent / name) for name in TABLES if (self.root.parent / name).is_file())
        return next(inside, None) or next(beside, None)

    def _open_table(self, keys: Sequence[str]) -> LabelTable | None:
        if self._table is None:
            return None
        inside = self._table in self._store.files
        data = self._store.read(self._table, MAX_TEXT) if inside else read_file(Path(self._table), MAX_TEXT)
        common = _common_folder(self._images)
        starts = [f"{self.root.name}/{common}", f"{self.root.stem}/{common}", common]
        return LabelTable(data, f"{self.place}/{self._table}" if inside else self._table, keys, starts)

    def fingerprint(self) -> dict[str, Any]:
        """Return what shows that an image or the table was replaced."""
        files, table = self.found.names, []
        if self._table is not None and self._table in self._store.files:
            files = [*files, self._table]
        elif self._table is not None:
            table = [file_stamp(Path(self._table))]
        return {"files": [*self._store.stamps(files), *table], "crop": self.crop, "recipe": 1}

    def read(self, name: str, size: int) -> np.ndarray:
        """Return one image, (size, size, 3) uint8."""
        return decode_cropped(self._store.read(name, MAX_FILE), f"{self.place}/{name}", size, self.crop, self.tally)


def _common_folder(names: Sequence[str]) -> str:
    """Return the folder, with a slash at its end, that has all of some sorted names; empty where there is none."""
    first, last = (name.split("/")[:-1] for name in (names[0], names[-1]))
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return "".join(f"{folder}/" for folder, _ in same)


def _part_folders(keys: Sequence[str]) -> dict[str, str]:
    """Return what the uppermost folders part the images into, if one is for training and another for something else."""
    tops = {key.partition("/")[0] for key in keys if "/" in key}
    parts = {top: part for top in tops if (part := part_of(top)) is not None}
    return parts if "train" in parts.values() and len(set(parts.values())) > 1 else {}


def _codes(words: Sequence[str]) -> np.ndarray:
    return np.array([SPLITS.index(word) for word in words], np.int8)


def _folder_labels(keys: Sequence[str]) -> tuple[list[LabelColumn], str]:
    """Return the label of the uppermost folders, where each image is in one; or why there is none."""
    tops = [key.partition("/")[0] if "/" in key else "" for key in keys]
    classes = set(tops)
    if classes == {""} or len(classes) == 1:
        return [], f"all its images are in one folder, so of one class; {_HOW}"
    if "" in classes:
        return [], f"images lie beside its folders ({tops.count('')} of {len(tops)}); {_HOW}"
    return [class_column(LABEL, tops)], ""
