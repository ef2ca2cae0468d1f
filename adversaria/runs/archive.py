"""A checkpoint as a file: checked before torch reads it, so that nothing in it runs, and nothing is larger than it."""

from __future__ import annotations

import functools
import pickletools
import re
import zipfile
from pathlib import Path

from adversaria.config.errors import first_line
from adversaria.config.loaded import MIB, FileError, check_file

LARGEST = 2**40  # bytes of a checkpoint
LARGEST_PICKLE = 4 * MIB  # of what it has beside numbers: some 140 bytes a tensor
#: What the pickle of a checkpoint may name. `weights_only=True` knows more, such as arrays of a size that it states.
NAMES = re.compile(
    r"collections (OrderedDict|Counter|defaultdict)|torch\._utils _rebuild_\w+|torch (\w+Storage|Size|device|[a-z]\w+)"
    r"|(builtins|__builtin__) (set|complex|dict|int|float)"
)


def check_archive(file: Path) -> None:
    """Check that a checkpoint is whole, by the checksums of the archive that it is, and that reading it is harmless.

    A file is read once for each size and time that it has.

    Raises:
        FileError: it is not an archive as torch writes it, is damaged or compressed, or names more than tensors.
    """
    try:
        check_file(file, LARGEST)
        status = file.stat()
        _check(file, status.st_size, status.st_mtime_ns)
    except FileError:
        raise
    except Exception as error:  # a damaged archive raises errors of many kinds
        raise FileError(f"is damaged or not a checkpoint ({first_line(error)})") from error


@functools.lru_cache
def _check(file: Path, size: int, time: int) -> None:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise FileError("is compressed, but checkpoints never are")
        if sum(member.file_size for member in members) > size:
            raise FileError("claims to have parts that are larger than the file")
        pickles = [member for member in members if member.filename.endswith("data.pkl")]
        if sum(member.file_size for member in pickles) > LARGEST_PICKLE:
            raise FileError(
                f"has more than {LARGEST_PICKLE / MIB:.0f} MiB beside its weights, but checkpoints never do"
            )
        if (damaged := archive.testzip()) is not None:
            raise FileError(f"is damaged in {damaged}")
        for member in pickles:
            _check_names(archive.read(member))


def _check_names(pickled: bytes) -> None:
    for code, argument, _ in pickletools.genops(pickled):
        if code.name in ("STACK_GLOBAL", "INST", "OBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4"):
            raise FileError(f"is pickled with {code.name}, but checkpoints never are")
        if code.name == "GLOBAL" and not NAMES.fullmatch(str(argument)):
            raise FileError(f"names {argument}, which is not a part of checkpoints")
