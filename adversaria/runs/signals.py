"""Signals that ask a run to stop: SIGINT (Ctrl+C), SIGTERM, and SIGUSR1, by which Slurm warns before its limit."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

from adversaria.runs.processes import is_first

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
_handling = False
_asked = 0
_deferring = False


class Interrupted(SystemExit):
    """A run was asked to stop.

    The exit status is 128 + the signal's number, as a shell reports a process that a signal ended.
    """

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)


@contextlib.contextmanager
def handled() -> Iterator[None]:
    """Raise `Interrupted` at a signal, at once or, between `defer(True)` and `defer(False)`, when the caller does."""
    global _handling, _asked
    before = {number: signal.getsignal(number) for number in SIGNALS}
    _handling = True
    install()
    try:
        yield
    finally:
        _handling, _asked = False, 0
        defer(False)
        for number, handler in before.items():
            _set(number, handler)


def install() -> None:
    """Install the signal handlers again, within `handled`: another library may have replaced them since."""
    for number in SIGNALS if _handling else ():
        _set(number, _handle)


def defer(on: bool) -> None:
    """Only note a first signal, for `asked`; a second one stops the run at once."""
    global _deferring
    _deferring = on


def asked() -> int:
    """Return the number of the signal that was noted, 0 for none."""
    return _asked


def _handle(number: int, frame: FrameType | None) -> None:
    global _asked
    if not _deferring or _asked:
        raise Interrupted(number)
    _asked = number
    if is_first():
        print(
            f"\n{signal.Signals(number).name}: stopping as soon as everything is saved; a second signal stops at once",
            file=sys.stderr,
        )


def _set(number: int, handler: object) -> None:
    with contextlib.suppress(ValueError):  # only a process's main thread can
        signal.signal(number, handler)  # type: ignore[arg-type]
