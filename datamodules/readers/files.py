"""Files of a data set: only regular files inside its folders are read, and no more of them than is expected."""

from __future__ import annotations

import codecs
import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from adversaria.config.errors import DataError, UnreadableImage

MAX_TEXT = 1 << 28  # bytes of a table or list; CelebA's longest has 26 MB
OMIT = "set data.on_bad_image=skip to omit such images"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff")


def file_stamp(file: Path) -> list[object]:
    """Return name, size in bytes and modification time in ns of a file, which show whether it was replaced."""
    status = file.stat()
    return [file.name, status.st_size, status.st_mtime_ns]


def folder_stamps(folder: Path) -> list[list[object]]:
    """Return the stamps of all files in a folder and the folders in it, sorted; names are relative to the folder.

    Raises:
        DataError: it is not a folder, or cannot be read.
    """
    stamps: list[list[object]] = []
    waiting, seen = [(folder, "")], set()
    while waiting:
        current, prefix = waiting.pop()
        with entries_of(current) as entries:
            for entry in sorted(entries, key=lambda e: e.name):  # so that of two ways to a folder one is always taken
                try:
                    status = entry.stat()
                except OSError:  # a link to nothing
                    status = entry.stat(follow_symlinks=False)
                if not stat.S_ISDIR(status.st_mode):
                    stamps.append([prefix + entry.name, status.st_size, status.st_mtime_ns])
                elif (place := (status.st_dev, status.st_ino)) not in seen:  # links can go round in a circle
                    seen.add(place)
                    waiting.append((Path(entry.path), f"{prefix}{entry.name}/"))
    return sorted(stamps, key=lambda stamp: str(stamp[0]))


@contextlib.contextmanager
def entries_of(folder: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """Give the entries of a folder.

    Raises:
        DataError: it is not a folder, or cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            yield entries
    except OSError as error:
        raise DataError(f"the folder {folder} cannot be read ({error.strerror})") from error


def check_regular(file: Path) -> None:
    """Check that a path is a file that can be read to its end.

    Raises:
        DataError: it is a device, a pipe, a folder or a socket.
        OSError: it does not exist.
    """
    if not stat.S_ISREG(file.stat().st_mode):
        raise DataError(f"{file} is not a regular file (but a folder, a pipe or a device); put the data's file there")


def read_file(file: Path, limit: int) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        DataError: it cannot be read, is not a regular file, or has more than `limit` bytes.
    """
    try:
        check_regular(file)
        with file.open("rb") as stream:
            large = os.fstat(stream.fileno()).st_size > limit
            data = b"" if large else stream.read(limit + 1)
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror})") from error
    if large or len(data) > limit:
        raise DataError(f"{file} is larger than {limit >> 20} MiB, the limit for such a file")
    return data


def read_text(file: Path) -> str:
    """Return the text of a file, UTF-8 with or without a byte-order mark, or UTF-16 with one.

    Raises:
        DataError: as `read_file`, or it is not text.
    """
    return as_text(read_file(file, MAX_TEXT), str(file))


def as_text(data: bytes, file: str) -> str:
    """Return the text that the bytes of a file are; `file` is its name, for the error.

    Raises:
        DataError: they are not UTF-8 or UTF-16 text.
    """
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{file}, line {line}: it is not UTF-8 text; save the file as UTF-8") from error
    if "\0" in text:
        raise DataError(f"{file} has zero bytes, so it is not a text file; fetch it again")
    return text


def check_name(name: str, where: str) -> str:
    """Return a file name that a table gives, if it stays in the folder of the data.

    Raises:
        DataError: it is empty, absolute, or leads out of the folder; `where` says where it stands.
    """
    if name.startswith("/") or not PurePosixPath(name).parts or ".." in PurePosixPath(name).parts:
        raise DataError(f"{where}: '{name[:100]}' is not the name of a file inside the data's folder; correct the name")
    return name


class ImageFolder:
    """A folder of image files whose names come from a table.

    Args:
        folder: the folder.
        root: the folder of all the data; a link in `folder` may lead to a file in it, and to no other place.
    """

    def __init__(self, folder: Path, root: Path) -> None:
        self.folder = folder
        self._allowed = [os.path.realpath(place) + os.sep for place in (folder, root)]

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of an image file.

        Raises:
            DataError: it is missing, no regular file, outside the folder, or has more than `limit` bytes.
        """
        file = self.folder / name
        try:
            real = os.path.realpath(file, strict=True)
            if not real.startswith(tuple(self._allowed)):
                raise UnreadableImage(
                    f"{file} is a link to {real}, outside the data's folder", f"copy the file, or {OMIT}"
                )
            return read_file(Path(real), limit)
        except FileNotFoundError as error:
            raise UnreadableImage(f"{file}: it is listed but missing", f"add it, or {OMIT}") from error
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            raise UnreadableImage(f"{file} cannot be read ({getattr(error, 'strerror', error)})", OMIT) from error

    def unlisted(self, names: list[str]) -> int:
        """Return how many image files of the folder itself these names do not contain."""
        with entries_of(self.folder) as entries:
            files = {e.name for e in entries if e.name.lower().endswith(IMAGE_SUFFIXES)}
        return len(files.difference(names))
