"""Where somebody's images are: a folder, a .zip or a .tar, each a list of names and a way to read any of them."""

from __future__ import annotations

import functools
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from adversaria.config.errors import DataError
from datamodules.readers.archives import read_member
from datamodules.readers.files import IMAGE_SUFFIXES, check_regular, file_stamp, read_file
from datamodules.readers.listing import limited, list_folder, visible

_UNPACK = "unpack it, and set data.root to that folder"


class Store(Protocol):
    """Files by their names, whose parts `/` separates."""

    @property
    def files(self) -> Mapping[str, Any]:
        """The files by name."""

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a file. Several threads call this at once.

        Raises:
            DataError: it cannot be read, or has more than `limit` bytes.
        """

    def stamps(self, names: list[str]) -> list[Any]:
        """Return what changes when one of these files does."""


class FolderStore:
    """A folder and all folders in it. Links are followed, and no file or folder is taken twice."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.files: dict[str, tuple[int, int, bool]] = dict(limited(list_folder(root), root))

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a file."""
        return read_file(self.root / name, limit)

    def stamps(self, names: list[str]) -> list[Any]:
        """Return name, size and time of each file."""
        return [[name, *self.files[name][:2]] for name in names]

    def elsewhere(self, names: list[str]) -> int:
        """Return how many of these files are elsewhere, where a link leads."""
        return sum(self.files[name][2] for name in names)


class ZipStore:
    """A zip archive; it is never unpacked to the disk."""

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            self._archive = zipfile.ZipFile(file)
            members = ((m.filename.replace("\\", "/"), m) for m in self._archive.infolist() if not m.is_dir())
            self.files: dict[str, zipfile.ZipInfo] = dict(limited(visible(members), file))
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise DataError(f"{file} is not a readable zip archive ({error}); pack it again") from error

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a member."""
        try:
            return read_member(self._archive, self.files[name], limit, str(self.file))
        except (OSError, KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            raise DataError(f"{self.file}/{name} cannot be read ({error})") from error

    def stamps(self, names: list[str]) -> list[Any]:
        """Return name, size and time of the archive."""
        return [file_stamp(self.file)]


class TarStore:
    """A tar archive that is not compressed, so that any of its files can be read at once. Links in it are left out."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._stream: int | None = None
        self.files: Mapping[str, tuple[int, int]] = _tar_index(file, *file_stamp(file))
        self._stream = os.open(file, os.O_RDONLY)

    def __del__(self) -> None:
        if self._stream is not None:
            os.close(self._stream)

    def read(self, name: str, limit: int) -> bytes:
        """Return the bytes of a member."""
        offset, size = self.files[name]
        if size > limit:
            raise DataError(f"{self.file}/{name} is larger than {limit >> 20} MiB, the limit for such a file")
        data = os.pread(self._stream or 0, size, offset)  # which several threads can do at once
        if len(data) != size:
            raise DataError(f"{self.file} ends within {name}; pack it again")
        return data

    def stamps(self, names: list[str]) -> list[Any]:
        """Return name, size and time of the archive."""
        return [file_stamp(self.file)]


@functools.lru_cache(maxsize=4)  # a run opens its data twice, and reading all headers takes seconds
def _tar_index(file: Path, *stamp: object) -> Mapping[str, tuple[int, int]]:
    """Return name -> offset and size in bytes of each regular file of an archive."""

    def members() -> Iterator[tuple[str, tuple[int, int]]]:
        before = -1
        with tarfile.open(file, "r:") as archive:
            while (member := archive.next()) is not None:
                archive.members.clear()  # type: ignore[attr-defined]  # it would keep a kilobyte of each
                if member.offset <= before or member.size < 0:  # a header with a negative size leads in a circle
                    raise ValueError("a header has a size that cannot be")
                before = member.offset
                if member.isreg() and not member.issparse():
                    yield member.name, (member.offset_data, member.size)

    try:
        return dict(limited(visible(members()), file))
    except (tarfile.TarError, OSError, ValueError, EOFError) as error:
        raise DataError(f"{file} is not a readable tar archive ({error}); pack it again") from error


def open_store(root: Path) -> Store:
    """Open a folder, a .zip or a .tar, whatever its name says.

    Raises:
        DataError: there is none, or it is another kind of file.
    """
    try:
        if stat.S_ISDIR(root.stat().st_mode):
            return FolderStore(root)
        check_regular(root)
        with root.open("rb") as stream:
            head = stream.read(512)
    except FileNotFoundError as error:
        raise DataError(
            f"data.root={root}: there is no such folder or file; give the one with your images, as data.root=pics"
        ) from error
    except OSError as error:
        raise DataError(f"data.root={root} cannot be read ({error.strerror})") from error
    kind = root.suffix.lower()
    if head.startswith((b"PK\3\4", b"PK\5\6")) or kind == ".zip":
        return ZipStore(root)
    if head[257:262] == b"ustar" or kind == ".tar":
        return TarStore(root)
    raise DataError(f"data.root={root} is {_other_kind(root, head)}")


def _other_kind(file: Path, head: bytes) -> str:
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")):
        return f"a compressed archive, of which no single image can be read; {_UNPACK}"
    if file.suffix.lower() in IMAGE_SUFFIXES:
        return f"one image; name the folder that has all of them, data.root={file.parent}"
    return f"a file, but neither a folder nor a .zip or .tar archive; if it is another archive, {_UNPACK}"
