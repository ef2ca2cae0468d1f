"""Data sets of the Hugging Face hub, or of a folder that the package datasets wrote or reads."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any

import numpy as np

from adversaria.config.errors import ConfigError, DataError, first_line, suggest
from adversaria.config.types import Crop
from datamodules.readers.base import SPLITS
from datamodules.readers.decoding import MAX_FILE, decode_cropped
from datamodules.readers.files import file_stamp, read_file
from datamodules.readers.found import Found
from datamodules.readers.label_columns import LabelColumn, label_column
from datamodules.readers.own_images import OwnImages
from datamodules.readers.parts import part_of

_TEXTS = ("string", "large_string", "bool")  # types of Arrow


class HuggingFace(OwnImages):
    """Reader of a data set that the package `datasets` loads, whole and not as a stream.

    The splits are those of the data set. What it lacks of training, validation and test is cut off the training images.

    Args:
        name: on the hub, as `flwrlabs/celeba`, or a folder.
        subset: one of its subsets, which the hub calls configurations.
        image_column: column of the images; None for the first.
        label_columns: columns of the labels; None for all that can be labels.
        crop: as of `datamodules.readers.folder.Folder`.
    """

    name = "huggingface"

    def __init__(
        self,
        name: str | None = None,
        subset: str | None = None,
        image_column: str | None = None,
        label_columns: list[str] | None = None,
        crop: Crop = "centre",
    ) -> None:
        if not name:
            raise ConfigError("data.name is not set: write data.name=NAME with a data set of the hub, or with a folder")
        super().__init__(name, crop)
        self.subset, self.image_column, self.label_columns = subset, image_column, label_columns

    @functools.cached_property
    def _loaded(self) -> dict[str, Any]:
        """All splits by name; a single one is for training, whatever its name."""
        loaded = _load(self.place, self.subset)
        named = dict(loaded) if isinstance(loaded, dict) else {"train": loaded}
        return {"train": next(iter(named.values()))} if len(named) == 1 else named

    @functools.cached_property
    def _splits(self) -> dict[str, Any]:
        """The splits that are used, by our names."""
        named = self._loaded
        splits = {part: data for word, data in named.items() if (part := part_of(word)) is not None}
        if "train" not in splits:
            raise DataError(f"{self.place} has no split for training; it has {', '.join(named)}")
        return splits

    @functools.cached_property
    def _images(self) -> dict[str, Any]:
        """The column of images of each split, as bytes or paths that are not decoded."""
        features = self._splits["train"].features
        import datasets  # which `_load` has found

        known = [column for column, kind in features.items() if isinstance(kind, datasets.Image)]
        column = self.image_column or next(iter(known), None)
        if column not in known:
            raise DataError(
                f"{self.place} has no column of images{f' {column}' if column else ''}; its columns are "
                f"{', '.join(features)}{suggest(column or '', known)}"
            )
        stored = datasets.Image(decode=False)  # its bytes, for our own decoder
        return {s: d.select_columns([column]).cast_column(column, stored) for s, d in self._splits.items()}

    def find(self) -> Found:
        """Load the data set, and find its labels and parts."""
        names = [f"{split}/{i}" for split, data in self._images.items() for i in range(len(data))]
        classes = {title: self._class_names(title) for title in self._label_titles()}
        texts = {title: self._texts(title, known) for title, known in classes.items()}
        labelled = [texts[title] for title, known in classes.items() if known is not None]
        rows = [i for i in range(len(names)) if all(cells[i] for cells in labelled)]
        left_out = {f"in the split {word}": len(data) for word, data in self._loaded.items() if part_of(word) is None}
        left_out |= {"without a label": len(names) - len(rows)} if len(rows) < len(names) else {}
        names = [names[i] for i in rows]
        found = [_column(title, [texts[title][i] for i in rows], classes[title], self.place) for title in classes]
        columns = [column for column in found if isinstance(column, LabelColumn)]
        reasons = [reason for reason in found if isinstance(reason, str)]
        no_labels = "; ".join(reasons[:3]) or "none of its columns is a label"
        given = np.array([SPLITS.index(name.partition("/")[0]) for name in names], np.int8)
        return Found(names, names, columns, no_labels, given, "the splits of the data set", left_out)

    def _label_titles(self) -> list[str]:
        features = self._splits["train"].features
        for title in self.label_columns or ():
            if title not in features:
                raise ConfigError(f"data.reader.label_columns: there is no column '{title}'{suggest(title, features)}")
        common = set(features).intersection(*(data.features for data in self._splits.values()))
        usable = [t for t in features if t in common and (self._class_names(t) or _is_text(features[t]))]
        return [title for title in usable if self.label_columns is None or title in self.label_columns]

    def _class_names(self, title: str) -> list[str] | None:
        names = getattr(self._splits["train"].features[title], "names", None)
        return None if names is None else list(names)

    def _texts(self, title: str, names: list[str] | None) -> list[str]:
        """Return the values of a column in all splits, those of a class by its name; empty where there is none."""
        values = [value for data in self._splits.values() for value in data.with_format(None)[title]]
        if names is not None:
            return ["" if value is None or value < 0 else names[value] for value in values]
        return ["" if value is None else str(value).strip() for value in values]

    def fingerprint(self) -> dict[str, Any]:
        """Return what shows that the data set is another one: the files that it was loaded from, and the columns."""
        files = [file_stamp(Path(file["filename"])) for data in self._images.values() for file in data.cache_files]
        rows = {split: len(data) for split, data in self._images.items()}
        columns = [self.image_column, self.label_columns, self.subset]
        return {"files": files, "rows": rows, "columns": columns, "crop": self.crop, "recipe": 1}

    def read(self, name: str, size: int) -> np.ndarray:
        """Return one image, (size, size, 3) uint8."""
        split, _, row = name.partition("/")
        stored = next(iter(self._images[split][int(row)].values())) or {}
        data = stored.get("bytes")
        if data is None and stored.get("path"):
            data = read_file(self._allowed(stored["path"], name), MAX_FILE)
        return decode_cropped(data or b"", f"{self.place}, {name}", size, self.crop, self.tally)

    def _allowed(self, path: str, name: str) -> Path:
        """Return the path of an image that the data set does not contain, if it is where those are that it may name."""
        import datasets

        file = Path(path).resolve()
        places = (self.place, datasets.config.HF_DATASETS_CACHE, datasets.config.HF_CACHE_HOME)
        if not any(file.is_relative_to(Path(place).resolve()) for place in places):
            raise DataError(f"{self.place}, {name}: its file {file} is outside the data set; copy it there")
        return file


def _load(name: str, subset: str | None) -> Any:
    """Load a data set: all its splits.

    Raises:
        ConfigError: the package is not installed.
        DataError: there is no such data set, or no network.
    """
    try:
        import datasets
    except ImportError as error:
        raise ConfigError(
            "data=huggingface needs the package datasets, which is not installed: pip install -e '.[huggingface]'"
        ) from error
    place, client = Path(name), logging.getLogger("huggingface_hub")
    level = client.level
    client.setLevel(logging.ERROR)  # without a network it would say each of its tries, and the error says it once
    try:
        if (place / "dataset_dict.json").is_file() or (place / "state.json").is_file():
            return datasets.load_from_disk(str(place))
        return datasets.load_dataset(name, subset, streaming=False)
    except Exception as error:  # errors of the network, the hub, pyarrow and pandas have no common type
        raise DataError(
            f"data.name={name} cannot be loaded ({first_line(error)}); give the name of a data set of the hub and a "
            "network, or a folder that the method save_to_disk of such a data set wrote"
        ) from error
    finally:
        client.setLevel(level)


def _is_text(kind: Any) -> bool:
    return getattr(kind, "dtype", "") in _TEXTS or str(getattr(kind, "dtype", "")).startswith(("int", "uint"))


def _column(title: str, cells: list[str], names: list[str] | None, place: str) -> LabelColumn | str:
    if names is not None:
        number = {name: i for i, name in enumerate(names)}
        return LabelColumn(title, np.array([number[cell] for cell in cells], np.int16), names)
    if "" in cells:
        return f"{title} has no value for {cells.count('')} images"
    return label_column(title, cells, place)
