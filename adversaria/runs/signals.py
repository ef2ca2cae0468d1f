"""Signals that ask a run to stop: SIGINT (Ctrl+C), SIGTERM, SIGHUP of a terminal that is closed, and SIGUSR1 of Slurm.

A signal is noted before an exception is raised for it. An exception that a signal handler raises can be lost: Python
ignores those raised inside a destructor or the callback of a weak reference, and libraries catch what they should not.
So a timer looks at the note again: as long as the exception is not on its way out, it is raised once more.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, NoReturn

from adversaria.config.endings import silence_unread
from adversaria.runs.processes import is_first
from adversaria.runs.terminal import above

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
AGAIN = 0.05  # seconds until the note is looked at again
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
    """Raise `Interrupted` at a signal, at once or, between `defer(True)` and `defer(False)`, when the caller does.

    Raises:
        Interrupted: there was a signal; at the latest where the block ends.
    """
    global _handling, _asked
    before = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGALRM)}
    timer, show = signal.getitimer(signal.ITIMER_REAL), sys.unraisablehook
    sys.unraisablehook = lambda lost: None if isinstance(lost.exc_value, Interrupted) else show(lost)
    _handling = True
    install()
    if timer == (0, 0):  # now, as Lightning puts back what it found when it started, with the timer running
        _set(signal.SIGALRM, _handle_again)
    try:
        yield
        if _asked:
            raise Interrupted(_asked)
    finally:
        _handling, _asked = False, 0
        defer(False)
        if ours := signal.getsignal(signal.SIGALRM) is _handle_again:
            signal.setitimer(signal.ITIMER_REAL, 0)
        sys.unraisablehook = show
        for number, handler in before.items():
            _set(number, handler)
        if ours:
            signal.setitimer(signal.ITIMER_REAL, *timer)


def install() -> None:
    """Install the signal handlers again, within `handled`: another library may have replaced them since."""
    for number in SIGNALS if _handling else ():
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # which nohup lets be ignored
            _set(number, _handle)


def defer(on: bool) -> None:
    """Only note a first signal, for `asked`; a second one stops the run at once."""
    global _deferring
    _deferring = on
    if _asked and not on:
        _look_again()


def asked() -> int:
    """Return the number of the signal that was noted, 0 for none."""
    return _asked


def stop(number: int) -> NoReturn:
    """Stop for a noted signal, now that all is saved: the note is done with.

    Raises:
        Interrupted: always.
    """
    global _asked
    _asked = 0
    raise Interrupted(number)


def _handle(number: int, frame: FrameType | None) -> None:
    global _asked, _deferring
    first, _asked = not _asked, number
    if number == signal.SIGHUP:
        silence_unread()  # with the terminal gone, every line would be an error
    if not (first and _deferring):
        _deferring = False
        _look_again()
        raise Interrupted(number)
    if is_first():
        name = signal.Signals(number).name
        said = f"{name}: stopping as soon as everything is saved; a second signal stops at once"
        with contextlib.suppress(OSError):
            os.write(2, above(said))  # sys.stderr may be in the middle of a line


def _handle_again(number: int, frame: FrameType | None) -> None:
    """Raise the exception again, unless it is being handled: then it is on its way, through code that cleans up."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    if _asked and not _deferring and error is None:
        raise Interrupted(_asked)


def _look_again() -> None:
    """Start the timer."""
    with contextlib.suppress(ValueError):  # only a process's main thread has signal handlers
        signal.signal(signal.SIGALRM, _handle_again)
        signal.siginterrupt(signal.SIGALRM, False)  # libraries need not expect that their system calls fail
        signal.setitimer(signal.ITIMER_REAL, AGAIN, AGAIN)


def _set(number: int, handler: Any) -> None:
    with contextlib.suppress(ValueError):  # only a process's main thread can
        signal.signal(number, handler)
