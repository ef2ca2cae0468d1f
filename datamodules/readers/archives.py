"""Packed arrays, read no further than they should go: gzip and bzip2 streams, NumPy's .npz, MATLAB's .mat."""

from __future__ import annotations

import bz2
import gzip
import math
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from adversaria.config.errors import DataError
from datamodules.readers.files import check_regular

MAX_ARRAY = 1 << 30  # bytes of an unpacked array; the largest that is read is SVHN's, with 225 MB
GZIP_RATIO = 1032  # the most bytes that deflate can make of one
MAT_ELEMENT = 8  # bytes before each element of a .mat file: its type and its length
MAT_HEADER = 128


def open_packed(file: Path) -> Any:
    """Open a file as a stream of bytes, unpacked if it is named `.gz` or `.bz2`.

    Raises:
        DataError: it is not a regular file.
    """
    check_regular(file)
    unpack: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open}
    opened: Any = unpack.get(file.suffix, open)(file, "rb")
    return opened


def read_exactly(stream: Any, count: int, file: Path) -> bytes:
    """Return the rest of a stream, which must have `count` bytes.

    Raises:
        DataError: it has more or fewer, or `count` is more than can be in such a file.
    """
    if count > min(MAX_ARRAY, file.stat().st_size * GZIP_RATIO):
        raise DataError(f"{file} says that it has {count} bytes of values, more than it can hold; fetch it again")
    data: bytes = stream.read(count + 1)
    if len(data) != count:
        found = "more" if len(data) > count else str(len(data))
        raise DataError(f"{file} says that it has {count} bytes of values, but it has {found}; fetch it again")
    return data


def read_npz(file: Path, names: tuple[str, ...], largest: int | None = None) -> dict[str, np.ndarray]:
    """Return arrays of an .npz file, after a look at what each of them would be.

    Raises:
        DataError: an array is missing, is not of numbers, or is larger than the file says or than `largest` bytes, by
            default `MAX_ARRAY`.
    """
    check_regular(file)
    with zipfile.ZipFile(file) as archive:
        return {name: _read_npy(archive, f"{name}.npy", file, largest) for name in names}


def _read_npy(archive: zipfile.ZipFile, member: str, file: Path, largest: int | None) -> np.ndarray:
    if member not in archive.namelist():
        raise DataError(f"{file} has no array {member.removesuffix('.npy')}; it has {', '.join(archive.namelist())}")
    info = checked_member(archive.getinfo(member), largest or MAX_ARRAY, str(file))
    with archive.open(info) as stream:
        version = np.lib.format.read_magic(stream)
        read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != info.file_size - stream.tell():
            raise DataError(
                f"{file}: {member} says that it is an array {shape} of {dtype}, but its content is not; save "
                "it again with numpy.savez"
            )
    with archive.open(info) as stream:
        array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
        return array


def checked_member(member: zipfile.ZipInfo, limit: int, file: str) -> zipfile.ZipInfo:
    """Return a member of a zip archive that can be unpacked without surprise.

    Raises:
        DataError: it is encrypted, packed in an unusual way, or larger than `limit`.
    """
    if member.flag_bits & 1:
        raise DataError(f"{file}: {member.filename} is encrypted; unpack the archive, or fetch it again")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{file}: {member.filename} is packed in a way that cannot be read; pack it again with deflate")
    if member.file_size > limit:
        raise DataError(
            f"{file}: {member.filename} unpacks to {member.file_size >> 20} MiB, more than the limit of "
            f"{limit >> 20} MiB for such a file"
        )
    return member


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit: int, file: str) -> bytes:
    """Return the bytes of a member of a zip archive.

    Raises:
        DataError: as `checked_member`.
    """
    with archive.open(checked_member(member, limit, file)) as stream:
        return stream.read(member.file_size + 1)  # without a number, zipfile unpacks all before it cuts it off


def check_mat(file: Path) -> None:
    """Check that a .mat file unpacks to no more than `MAX_ARRAY` bytes.

    Raises:
        DataError: it does.
    """
    check_regular(file)
    total = 0
    with file.open("rb") as stream:
        stream.seek(MAT_HEADER)
        while len(tag := stream.read(MAT_ELEMENT)) == MAT_ELEMENT:
            unpacker, left = zlib.decompressobj(), int.from_bytes(tag[4:], "little")
            while left > 0 and (block := stream.read(min(left, 1 << 20))):
                left -= len(block)
                while block and tag[0] == 15:  # an element that is packed
                    total += len(unpacker.decompress(block, 1 << 24))
                    block = unpacker.unconsumed_tail
                    if total > MAX_ARRAY:
                        raise DataError(f"{file} unpacks to more than {MAX_ARRAY >> 20} MiB; fetch it again")
