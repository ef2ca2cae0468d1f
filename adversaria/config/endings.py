"""Ends of a process that need no message: the reader of its output has gone (`… | head -1`), and Ctrl+C."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import TextIO


@contextlib.contextmanager
def ends_quietly() -> Iterator[None]:
    """Leave with the status that a shell reports of SIGPIPE where the reader of our output has gone.

    What was printed is flushed here: at the interpreter's end an error could not be caught.

    Raises:
        SystemExit: the reader has gone.
    """
    sys.excepthook = _show
    try:
        try:
            yield
        except SystemExit:  # of argparse, which has printed its help
            _flush()
            raise
        _flush()
    except BrokenPipeError:
        if not silence_unread():  # another pipe
            raise
        raise SystemExit(128 + signal.SIGPIPE) from None


def silence_unread() -> bool:
    """Let what is printed go nowhere from now on where nobody reads it any more; tell whether that is so anywhere."""
    gone = [stream for stream in (sys.stdout, sys.stderr) if _reader_is_gone(stream)]
    for stream in gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return bool(gone)


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error that nothing handled, unless it is Ctrl+C: Python ends with the status of SIGINT then."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


def _flush() -> None:
    if sys.stdout is not None:  # it was not closed before the start
        sys.stdout.flush()


def _reader_is_gone(stream: TextIO | None) -> bool:
    poll = select.poll()
    try:
        assert stream is not None
        poll.register(stream.fileno(), 0)
    except (AssertionError, OSError, ValueError):  # closed, or not a file
        return False
    return any(event & select.POLLERR for _, event in poll.poll(0))
