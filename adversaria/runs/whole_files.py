"""Files that are written whole or not at all, and what is left of those that a kill cut short."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from adversaria.config.errors import SavingError, first_line

SCRATCH = ".part"  # ends the name of a scratch file, which begins with a dot
FOLDERS = (".", "checkpoints", "figures", "tensorboard")  # of a run, where this project writes files


@contextlib.contextmanager
def written_whole(file: Path, shared: bool = False) -> Iterator[BinaryIO]:
    """Give a stream to a scratch file beside `file`; it takes the place of `file` if all went well, else it is removed.

    Args:
        file: the file to write; its folder is created if need be.
        shared: whether another process may write the same file now.

    Raises:
        SavingError: it cannot be written; an earlier file of that name is unchanged.
    """
    scratch = file.with_name(f".{file.name}{f'.{os.getpid()}' if shared else ''}{SCRATCH}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with scratch.open("wb") as stream:
            yield stream
        scratch.replace(file)
    except BaseException as error:
        with contextlib.suppress(OSError):
            scratch.unlink()
        if isinstance(error, OSError):
            raise cannot_write(file, error) from error
        raise


def replace_text(file: Path, text: str) -> None:
    """Write a text file whole or not at all; other processes, such as jobs of a sweep, may write the same file.

    Raises:
        SavingError: it cannot be written; an earlier file of that name is unchanged.
    """
    with written_whole(file, shared=True) as stream:
        stream.write(text.encode())


def discard_unfinished(run: Path) -> None:
    """Remove the scratch files and empty files that a kill or a full disk left in a run folder, which the caller holds.

    Files of this project are never empty, but for the lock, which is locked now, and a log before its first line.
    """
    for folder in (run / name for name in FOLDERS):
        for file in folder.iterdir() if folder.is_dir() else ():
            scratch = file.name.startswith(".") and file.name.endswith(SCRATCH)
            if file.is_file() and (scratch or (file.stat().st_size == 0 and file.suffix not in ("", ".log"))):
                with contextlib.suppress(OSError):
                    file.unlink()


def cannot_write(file: Path, error: BaseException) -> SavingError:
    """Return the error that says why a file was not written, and that the earlier one is as it was."""
    reason = (error.strerror if isinstance(error, OSError) else None) or first_line(error)
    return SavingError(f"cannot write {file} ({reason}); {free_space(file)}; an earlier file of that name is unchanged")


def free_space(path: Path) -> str:
    """Say how much room is left where a file is, or would be."""
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        return f"its disk has {shutil.disk_usage(path).free / 1e6:.0f} MB left"
    except OSError:
        return "the free space of its disk is unknown"
