"""The files of a folder with all folders in it, or of an archive, as far as they can be somebody's images."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from adversaria.config.errors import DataError
from datamodules.readers.files import entries_of

MOST_FILES = 5_000_000  # more are no data set of images, but a mistake or malice
T = TypeVar("T")


def list_folder(root: Path) -> Iterator[tuple[str, tuple[int, int, bool]]]:
    """Yield name, relative to the folder, of each regular file in it, at any depth, with size, time and place.

    What is hidden is left out. Links are followed, but after all that is there itself: what a link leads to is left out
    if it was met before. The time is in ns; the place says whether a link led out of the folder.

    Raises:
        DataError: it, or a folder in it, cannot be read.
    """
    home = os.path.realpath(root) + os.sep
    waiting, links, seen = [(str(root), "", False)], list[tuple[str, str, bool]](), set()
    while waiting or links:
        path, name, outside = waiting.pop() if waiting else links.pop()
        try:
            status = os.stat(path)  # noqa: PTH116  # as quick as a list of so many files needs
        except OSError:  # a link to nothing, or in a circle
            continue
        if (place := (status.st_dev, status.st_ino)) in seen:
            continue
        seen.add(place)
        if stat.S_ISREG(status.st_mode):
            yield name, (status.st_size, status.st_mtime_ns, outside)
        elif stat.S_ISDIR(status.st_mode):
            with entries_of(Path(path)) as entries:
                found = [entry for entry in entries if not is_hidden(entry.name)]
            for entry in sorted(found, key=lambda e: e.name, reverse=True):
                inner = f"{name}/{entry.name}".lstrip("/")
                if entry.is_symlink():
                    away = outside or not os.path.realpath(entry.path).startswith(home)
                    links.append((entry.path, inner, away))
                else:
                    waiting.append((entry.path, inner, outside))


def numbered(name: str) -> tuple[int, str, str]:
    """Return what to order images by: the last number in the file's name, then its name, then its folder.

    The images of a folder for each class so take turns: what looks at the first ones alone, such as a t-SNE, sees all.
    """
    folder, _, file = name.rpartition("/")
    digits = re.findall(r"\d+", file.rpartition(".")[0] or file)
    return int(digits[-1][:18]) if digits else 0, file, folder


def is_hidden(part: str) -> bool:
    """Tell whether a part of a name is of what programs keep beside pictures: `.thumbnails`, `@eaDir`, `__MACOSX`."""
    return part[:1] in (".", "@") or part == "__MACOSX"


def visible(members: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    """Leave out what is hidden, and names that lead elsewhere."""
    for name, member in members:
        parts = [part for part in name.split("/") if part != "."]
        if not any(part == "" or is_hidden(part) for part in parts):
            yield "/".join(parts), member


def limited(files: Iterator[tuple[str, T]], place: Path) -> Iterator[tuple[str, T]]:
    """Yield the files of a place.

    Raises:
        DataError: they are more than `MOST_FILES`.
    """
    for number, entry in enumerate(files):
        if number >= MOST_FILES:
            raise DataError(f"{place} has more than {MOST_FILES:,} files; choose the folder that has your images alone")
        yield entry
