"""CelebA as published: aligned faces, 40 binary attributes, and the partition into train, validation and test."""

from __future__ import annotations

import functools
import itertools
import threading
import zipfile
import zlib
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from adversaria.config.errors import DataError, UnreadableImage
from datamodules.readers.archives import read_member
from datamodules.readers.base import SPLITS, SplitIndex, not_found
from datamodules.readers.decoding import MAX_FILE, SKIP, decode_square
from datamodules.readers.files import ImageFolder, check_regular, file_stamp, folder_stamps
from datamodules.readers.tables import ImageNames, check_columns, read_list

IMAGES, ATTRIBUTES, PARTITION = "img_align_celeba", "list_attr_celeba.txt", "list_eval_partition.txt"
FOLDERS = ("", "celeba", "CelebA")
#: The published archive has the files in the last three of these; torchvision puts them side by side.
SUBFOLDERS = ("", "Img", "Anno", "Eval")
CROP = 148 / 178  # side of the usual crop over the width of an image


class CelebA:
    """Reader of CelebA (Liu et al., ICCV 2015), whole or a part of it, at any image size.

    Reads `img_align_celeba/` (a folder) or `img_align_celeba.zip`, `list_attr_celeba.txt` and
    `list_eval_partition.txt`, in `root`, `root/celeba` or `root/CelebA`, side by side or in the published subfolders
    `Img/ Anno/ Eval/`. The attribute list says which images there are. Each is cropped to its centre square, whose side
    is 148/178 of the width as usual, and resized with antialiasing.
    """

    name = "celeba"

    def __init__(self, root: str) -> None:
        self.root = Path(root).absolute()
        self._lock = threading.Lock()

    def _find(self, *names: str) -> Path:
        looked = [self.root / folder for folder in FOLDERS]
        for folder in looked:
            for sub in SUBFOLDERS:
                for name in names:
                    if (folder / sub / name).exists():
                        return folder / sub / name
        raise not_found(
            f"CelebA ({' or '.join(names)})",
            looked,
            f"{IMAGES}/ or {IMAGES}.zip with {ATTRIBUTES} and {PARTITION}",
            "set data.root to the folder that has them, or fetch them with `python -m datamodules.prepare celeba`",
        )

    @functools.cached_property
    def _images(self) -> Path:
        return self._find(IMAGES, f"{IMAGES}.zip")

    def attributes(self) -> list[str]:
        """Return the 40 attribute names, after a check that images and lists exist."""
        _ = self._images, self._find(PARTITION)
        return self._titles()[1]

    def _titles(self) -> tuple[int, list[str]]:
        """Return what the first two lines of the attribute list say: the number of images, and the attributes."""
        file = self._find(ATTRIBUTES)
        (_, count), (_, names) = [*itertools.islice(read_list(file), 2), (0, []), (0, [])][:2]
        if len(count) != 1 or not count[0].isdigit():
            raise DataError(f"{file} is not CelebA's attribute list: its first line is not a count; fetch it again")
        return int(count[0][:18]), check_columns(names, file)

    def fingerprint(self) -> dict[str, Any]:
        """Return name, size and time of the lists and of the archive or every image file."""
        lists = [file_stamp(self._find(ATTRIBUTES)), file_stamp(self._find(PARTITION))]
        if self._images.is_dir():
            images: list[Any] = folder_stamps(self._images)
        else:
            check_regular(self._images)
            images = [file_stamp(self._images)]
        return {"lists": lists, "images": images, "crop": CROP, "recipe": 2}

    def splits(self) -> dict[str, SplitIndex]:
        """Return the published partition, whose codes are 0 for train, 1 for val and 2 for test."""
        count, names = self._titles()
        columns = len(names)
        part = dict(_rows(self._find(PARTITION), 1, (0, 1, 2)))
        rows = _rows(self._find(ATTRIBUTES), columns, (-1, 1), header=2)
        if len(rows) != count:
            raise DataError(
                f"{self._find(ATTRIBUTES)} says in its first line that it has {count} images, but it has {len(rows)}; "
                "fetch it again, or correct that line"
            )
        code_of = {name: part.get(name) for name, _ in rows}
        missing = [name for name, code in code_of.items() if code is None]
        if missing:
            raise DataError(
                f"{self._find(PARTITION)} has no line for {missing[0]} ({len(missing)} images in all); fetch it again"
            )
        splits = {}
        for code, split in enumerate(SPLITS):
            chosen = [(name, values) for name, values in rows if code_of[name] == [code]]
            labels = np.array([values for _, values in chosen], dtype=np.int8).reshape(len(chosen), columns)
            splits[split] = SplitIndex([name for name, _ in chosen], (labels > 0).astype(np.int8))
        return splits

    def read(self, name: str, size: int) -> np.ndarray:
        """Return one face, (size, size, 3) uint8."""
        return decode_square(self._bytes(name), f"{self._images}/{name}", size, CROP)

    def missing(self, splits: dict[str, SplitIndex]) -> list[str]:
        """Return the images of the splits that do not exist."""
        folder = self._images.is_dir()
        existing = {file.name for file in self._images.iterdir()} if folder else self._archive[1].keys()
        return [name for index in splits.values() for name in index.names if name not in existing]

    def _bytes(self, name: str) -> bytes:
        if self._images.is_dir():
            return self._folder.read(name, MAX_FILE)
        archive, members = self._archive
        try:
            found = sorted(members[name])
            found = [member for member in found if PureWindowsPath(member).parent.name == IMAGES] or found
            if len(found) > 1:
                raise DataError(f"{self._images} has {name} twice, as {found[0]} and {found[1]}; remove one")
            return read_member(archive, archive.getinfo(found[0]), MAX_FILE, str(self._images))
        except (OSError, KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            problem = "it is listed but missing" if isinstance(error, KeyError) else str(error)
            raise UnreadableImage(f"{self._images}/{name}: {problem}", SKIP) from error

    @functools.cached_property
    def _folder(self) -> ImageFolder:
        return ImageFolder(self._images, self.root)

    @property
    def _archive(self) -> tuple[zipfile.ZipFile, dict[str, set[str]]]:
        with self._lock:
            return self._open_archive

    @functools.cached_property
    def _open_archive(self) -> tuple[zipfile.ZipFile, dict[str, set[str]]]:
        try:
            check_regular(self._images)
            archive = zipfile.ZipFile(self._images)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise DataError(f"{self._images} is not a readable zip archive ({error}); fetch it again") from error
        members: dict[str, set[str]] = {}
        for member in archive.namelist():
            members.setdefault(PureWindowsPath(member).name, set()).add(member)  # of which either slash parts folders
        return archive, members


def _rows(file: Path, columns: int, allowed: tuple[int, ...], header: int = 0) -> list[tuple[str, list[int]]]:
    """Read the lines of a list, each `name value …`, after `header` lines.

    Raises:
        DataError: a line has another number of values, or a value that is not allowed. The message names file and line.
    """
    rows, names = [], ImageNames(file)
    for number, (name, *values) in itertools.islice(read_list(file), header, None):
        names.add(name, number)
        try:
            rows.append((name, [int(v) for v in values]))
        except ValueError as error:
            raise DataError(f"{file}, line {number}: {error}") from error
        if len(values) != columns:
            raise DataError(f"{file}, line {number}: expected {columns} values after the name, found {len(values)}")
        if wrong := set(rows[-1][1]).difference(allowed):
            raise DataError(f"{file}, line {number}: expected one of {allowed}, found {min(wrong)}")
    return rows
