"""A lock that two processes share through a file, also where the file system has no locks."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

log = logging.getLogger(__name__)
LockState = Literal["held", "busy", "unsupported"]


@contextlib.contextmanager
def file_lock(file: Path, patience: float = 0) -> Iterator[LockState]:
    """Hold the lock of a file as long as the block runs; the kernel gives it back if the process dies.

    Yields `held`; or `busy`, if another process holds it and has not touched the file for `patience` seconds; or
    `unsupported`, if the file system has no locks, as some of NFS, FUSE and Lustre.

    Args:
        file: created if it does not exist, with its folder.
        patience: seconds to wait for a process that gives no sign of life.

    Raises:
        OSError: the file cannot be created, or is a link, which in a folder from elsewhere could lead anywhere.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o644)
    try:
        state = _acquire(handle, file, patience)
        try:
            yield state
        finally:
            if state == "held":
                _flock(handle, release=True)  # a process that was forked meanwhile has the file open too
    finally:
        os.close(handle)


def _acquire(handle: int, file: Path, patience: float) -> LockState:
    seen, since = os.fstat(handle).st_mtime_ns, time.monotonic()
    waiting = False
    while True:
        try:
            _flock(handle)
            return "held"
        except BlockingIOError:
            touched = os.fstat(handle).st_mtime_ns
            if touched != seen:
                seen, since = touched, time.monotonic()
            if time.monotonic() - since >= patience:
                return "busy"
            if not waiting:
                log.info("waiting for another process, which holds %s", file)
            waiting = True
            time.sleep(0.1)
        except (OSError, ImportError):
            return "unsupported"


def _flock(handle: int, release: bool = False) -> None:
    import fcntl  # which Windows does not have

    fcntl.flock(handle, fcntl.LOCK_UN if release else fcntl.LOCK_EX | fcntl.LOCK_NB)
