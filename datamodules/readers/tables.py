"""Tables and lists as text: CSV with any usual delimiter, and lists of words; with or without a byte-order mark."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from adversaria.config.errors import DataError
from adversaria.config.labels import DIGIT
from datamodules.readers.files import IMAGE_SUFFIXES, check_name, read_text

Row = tuple[int, list[str]]  # number of the line, cells
DELIMITERS = ",;\t|"


def read_table(file: Path) -> Iterator[Row]:
    """Yield the rows of a CSV file that have anything in them; the delimiter is that of the first line.

    Excel's line `sep=;` may come before it.

    Raises:
        DataError: it cannot be read, or has no row.
    """
    yield from rows_of(read_text(file), str(file))


def rows_of(text: str, file: str) -> Iterator[Row]:
    """Yield the same rows of a table's text; `file` is its name, for the errors.

    Raises:
        DataError: it is no table, or has no row.
    """
    first = text.lstrip().partition("\n")[0]
    stated = re.fullmatch(r'"?sep=(.)"?\s*', first)
    delimiter = stated[1] if stated else max(DELIMITERS, key=first.count)
    if delimiter not in first:
        delimiter = " "
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    empty = True
    try:
        for row in lines:
            if any(cells := [cell.strip() for cell in row]):
                if stated:
                    stated = None
                    continue
                empty = False
                yield lines.line_num, cells
    except csv.Error as error:
        raise DataError(f"{file}, line {lines.line_num}: {error}") from error
    if empty:
        raise DataError(f"{file} is empty; fetch it again")


def read_list(file: Path) -> Iterator[Row]:
    """Yield the words of each line of a text file that has any; spaces, tabs, commas and semicolons separate them.

    Raises:
        DataError: it cannot be read.
    """
    for number, line in enumerate(read_text(file).splitlines(), 1):
        if words := line.replace(",", " ").replace(";", " ").split():
            yield number, words


def is_image_row(cells: list[str]) -> bool:
    """Tell whether a row is of an image, rather than one of titles."""
    return cells[0].lower().endswith(IMAGE_SUFFIXES) or (len(cells) > 1 and all(map(_is_number, cells[1:])))


def _is_number(cell: str) -> bool:
    return cell.lstrip("-").replace(".", "", 1).isdigit()


def check_columns(names: list[str], file: Path) -> list[str]:
    """Return the titles of a table's label columns.

    Raises:
        DataError: as `check_titles`, or one has the name of the digits.
    """
    if DIGIT in names:
        raise DataError(f"{file} has a column named '{DIGIT}', which means ten classes, not yes or no; rename it")
    return check_titles(names, str(file))


def check_titles(names: list[str], file: str) -> list[str]:
    """Return the titles of a table's columns.

    Raises:
        DataError: one has no name, or two have the same.
    """
    if "" in names:
        raise DataError(f"{file}: a label column has no name; name or remove it in the first line")
    for i, name in enumerate(names):
        if name in names[:i]:
            raise DataError(f"{file} has two columns named '{name}'; rename or remove one of them")
    return names


class ImageNames:
    """Collects the names of images from the rows of a table.

    Args:
        file: the table.

    Attributes:
        names: in the order of the rows.
    """

    def __init__(self, file: Path) -> None:
        self.file, self.names = file, list[str]()
        self._lines: dict[str, int] = {}

    def add(self, name: str, line: int) -> None:
        """Add the name of a row.

        Raises:
            DataError: it leads out of the folder of the data, or an earlier row has it.
        """
        check_name(name, f"{self.file}, line {line}")
        if (first := self._lines.setdefault(str(PurePosixPath(name)), line)) != line:
            raise DataError(f"{self.file}, line {line}: {name} has a row already, line {first}; remove one of them")
        self.names.append(name)
