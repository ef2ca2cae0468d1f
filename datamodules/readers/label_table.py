"""A table of labels beside images, labels.csv or labels.json: its rows found by the names of the images."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Any

from adversaria.config.errors import DataError
from datamodules.readers.files import IMAGE_SUFFIXES, as_text
from datamodules.readers.label_columns import LabelColumn, label_column
from datamodules.readers.parts import part_of
from datamodules.readers.tables import Row, check_titles, rows_of

TABLES = ("labels.csv", "labels.json")
MOST_COLUMNS = 1000  # of records, each of which has all
SPLIT_TITLES = ("split", "part", "partition", "subset", "set")
_CODES = {"0": "train", "1": "val", "2": "test"}  # as CelebA's partition has them
LABEL = "class"  # the name of a label that has none: of class folders, and of values without a title


class LabelTable:
    """The rows of a table, by image.

    Args:
        data: the bytes of the table.
        file: its name: .json is JSON, any other CSV.
        images: the names of the images.
        starts: what the names in the table may have before those of the images, folders that have all of them.

    Attributes:
        titles: of the columns besides the one of file names.
        rows: image -> its texts in these columns.
        unknown: how many rows name none of the images.

    Raises:
        DataError: it is no table, names none of the images, or names one twice.
    """

    def __init__(self, data: bytes, file: str, images: Sequence[str], starts: Sequence[str] = ()) -> None:
        self.file = file
        read = _json_rows if file.lower().endswith(".json") else _csv_rows
        titles, rows = read(as_text(data, file), file)
        finder = _Finder(images, starts)
        key = _names_column(titles, rows, finder)
        kept = [i for i, title in enumerate(titles) if title and i != key]  # no title: numbers that a program wrote
        self.titles = check_titles([titles[i] for i in kept], file)
        self.rows: dict[str, list[str]] = {}
        self.unknown = 0
        for line, cells in rows:
            image = finder(cells[key])
            if image is None:
                self.unknown += 1
            elif image in self.rows:
                raise DataError(f"{file}, row {line}: {image} has a row already; remove one of them")
            else:
                self.rows[image] = [cells[i] for i in kept]
        if not self.rows:
            raise DataError(
                f"{file} names none of the {len(images)} images, as {images[0]}: its first row has "
                f"'{rows[0][1][key][:100]}'; give the names of the files in one column, or move the table away"
            )

    def columns(self, images: Sequence[str]) -> tuple[list[str], list[LabelColumn], str]:
        """Return what the columns say of images that have a row.

        Returns:
            the part of each image, or nothing where no column says it; the labels; and why there is none.
        """
        parts: list[str] = []
        labels, reasons = [], []
        for i, title in enumerate(self.titles):
            cells = [self.rows[image][i] for image in images]
            if title.lower() in SPLIT_TITLES and (words := _parts(cells)):
                parts = words
            elif isinstance(found := label_column(title, cells, self.file), str):
                reasons.append(found)
            else:
                labels.append(found)
        why = f"in {self.file}, {'; '.join(reasons[:3])}" if reasons else f"{self.file} has no column of labels"
        return parts, labels, f"{why}; add a column such as {LABEL}"


def _parts(cells: list[str]) -> list[str]:
    """Return the parts that words or CelebA's codes mean; nothing where one means none, or there is no training."""
    found = [part_of(_CODES.get(cell, cell)) for cell in cells]
    known = [part for part in found if part is not None]
    return known if len(known) == len(found) and "train" in known else []


class _Finder:
    """Finds an image by its path, or by the end of its path or that without the suffix, where only one has it."""

    def __init__(self, images: Iterable[str], starts: Sequence[str]) -> None:
        self._starts = [start for start in starts if start]
        self._exact = {image: image for image in images}
        self._loose: dict[str, str | None] = {}
        for image in self._exact:
            base = image.rpartition("/")[2]
            for key in {base, base.rpartition(".")[0], image.rpartition(".")[0]}:
                self._loose[key] = None if key in self._loose else image

    def __call__(self, cell: str) -> str | None:
        name = self.plain(cell)
        return self._exact.get(name) or self._loose.get(name) or self._loose.get(name.rpartition("/")[2])

    def is_exact(self, cell: str) -> bool:
        return self.plain(cell) in self._exact

    def plain(self, cell: str) -> str:
        name = str(PurePosixPath(cell.replace("\\", "/")))
        found = next((start for start in self._starts if name.startswith(start)), "")
        return name if name in self._exact else name[len(found) :]


def _names_column(titles: list[str], rows: list[Row], finder: _Finder) -> int:
    """Return the column that names most images, as its first hundred rows show."""

    def found(column: int) -> tuple[int, int]:
        cells = [cells[column] for _, cells in rows[:100]]
        return sum(map(finder.is_exact, cells)), sum(finder(cell) is not None for cell in cells)

    return max(range(len(titles)), key=found)


def _csv_rows(text: str, file: str) -> tuple[list[str], list[Row]]:
    rows = list(rows_of(text, file))
    titles = rows.pop(0)[1]
    if any(cell.lower().endswith(IMAGE_SUFFIXES) for cell in titles):
        raise DataError(
            f"{file} has no line of titles: its first line is '{','.join(titles)[:100]}'; put one like "
            f"file,{LABEL} before it"
        )
    if not rows:
        raise DataError(f"{file} has titles and no row; add the names and labels of the images")
    for line, cells in rows:
        if len(cells) != len(titles):
            raise DataError(f"{file}, line {line}: it has {len(cells)} cells, and the first line {len(titles)} titles")
    return titles, rows


def _json_rows(text: str, file: str) -> tuple[list[str], list[Row]]:
    """Read a list of records, a mapping from names to records or values, or one of these under the key `labels`."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is not JSON ({error}); correct it") from error
    if isinstance(content, dict) and isinstance(content.get("labels"), dict | list):
        content = content["labels"]
    records = list(_records(content, file))
    if not records:
        raise DataError(f"{file} is empty; add the names and labels of the images")
    titles = list(dict.fromkeys(key for record in records for key in record))
    if len(titles) > MOST_COLUMNS:
        raise DataError(f"{file} is not a table: its records have {len(titles)} different keys")
    return titles, [(i, [_text(record.get(title, "")) for title in titles]) for i, record in enumerate(records, 1)]


def _records(content: Any, file: str) -> Iterator[dict[str, Any]]:
    for entry in content.items() if isinstance(content, dict) else content if isinstance(content, list) else [None]:
        if isinstance(entry, dict):
            yield entry
        elif isinstance(entry, list | tuple) and len(entry) == 2 and isinstance(entry[0], str):
            name, value = entry
            yield {"file": name, **(value if isinstance(value, dict) else {LABEL: value})}
        else:
            raise DataError(f'{file} is not a table: write {{"a.jpg": {{"{LABEL}": "cat"}}, …}} or a list of records')


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return "" if value is None else str(value).strip()[:1000]
