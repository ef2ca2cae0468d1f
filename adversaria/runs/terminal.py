"""What a run shows on stdout: lines of the log and, below them on a terminal, one live display.

All that is printed while there is a display goes through this module or through Rich's stand-in for `sys.stdout`, so
that it comes above the display. A handler of the log that holds the stream itself would write into it.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from adversaria.config.foreign_errors import JOBLIB_WORKER
from adversaria.runs.processes import is_first

REFRESH = 0.25  # seconds from one frame to the next
LINES = 2  # of the display
BAR = (8, 40)  # columns
_job = ""
_live: Any = None  # of rich, while there is a display


@dataclass
class Frame:
    """What the display shows.

    Args:
        title: what is done.
        done: how much of it.
        total: of how much; None where there is no end.
        beside: fields beside the bar; the last are left out where they do not fit.
        below: fields in the line below it; likewise.
    """

    title: str
    done: int
    total: int | None
    beside: Sequence[str] = ()
    below: Sequence[str] = ()

    @property
    def count(self) -> str:
        """How much of how much is done."""
        return f"{self.done}" if self.total is None else f"{self.done}/{self.total}"

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        """Draw two lines, neither wider than the terminal."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        width = options.max_width - 1  # in the last column a terminal may begin a new line
        fields = fit([self.title, self.count, *self.beside], width - BAR[0] - 1)
        size = min(BAR[1], width - len("  ".join(fields)) - 1)
        texts = [Text(text, no_wrap=True, overflow="ellipsis") for text in (fields[0], "  ".join(fields[1:]))]
        first, pulse = Table.grid(padding=(0, 1)), self.total is None
        bar = ProgressBar(total=self.total, completed=self.done, width=max(1, size), pulse=pulse)
        first.add_row(texts[0], bar, texts[1])
        yield first
        yield Text("  ".join(fit([*([_job] if _job else []), *self.below], width)), no_wrap=True, overflow="ellipsis")


class LogHandler(logging.Handler):
    """Prints the log on what `sys.stdout` is at that moment, above the display; a sweep's jobs with their names first.

    A record with the attribute `fields` is one line: on a terminal the last fields are left out where they do not fit.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        try:
            text = f"{_job}  " * bool(_job) + self.format(record)
            if getattr(record, "fields", False) and sys.stdout.isatty():
                text = "  ".join(fit(text.split("  "), _columns() - 1))
            _print(text)
        except Exception:
            self.handleError(record)


def console(**options: Any) -> Any:
    """Return a console of Rich that is as wide as the terminal, whatever COLUMNS says, as in `_columns`."""
    from rich.console import Console

    environment = {key: os.environ[key] for key in os.environ if key not in ("COLUMNS", "LINES")}
    return Console(_environ=environment, **options)


def _columns() -> int:
    """Return the width of the terminal itself: the COLUMNS of a shell may be of an earlier one."""
    with contextlib.suppress(OSError, ValueError):
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    return 80


def fit(fields: Sequence[str], width: int) -> list[str]:
    """Leave out the last fields that do not fit into a width, joined by two spaces; the first stays."""
    kept = list(fields)
    while len(kept) > 1 and len("  ".join(kept)) > width:
        del kept[-1]
    return kept


def left(seconds: float) -> str:
    """Say how much time is left."""
    return f"{timedelta(seconds=round(seconds))} left"


def name_job(name: str) -> None:
    """Begin the lines that follow with the name of a sweep's job; with nothing where it is empty."""
    global _job
    _job = name


def show(frame: Frame) -> None:
    """Show a frame: on a terminal in the live display, in a notebook as a line that the next replaces, else nowhere."""
    global _live
    if _live is None and _shows():
        _live = _in_notebook() or _started()
    if _live is True:
        line = "  ".join([f"{frame.title}  {frame.count}", *frame.beside, *frame.below])
        print(f"\r{line[:100]:100}", end="", flush=True)
    elif _live is not None:
        _live.update(frame, refresh=True)


def clear() -> None:
    """End the display; nothing of it stays."""
    global _live
    live, _live = _live, None
    if live is True:
        print("\r" + " " * 100, end="\r", flush=True)
    elif live is not None:
        live.stop()


@contextlib.contextmanager
def counted(title: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how far something has come, with the function that is yielded and told how much more is done."""
    begun = time.monotonic()
    frame, due = Frame(title, 0, total), begun

    def advance(count: int) -> None:
        nonlocal due
        frame.done += count
        if (now := time.monotonic()) >= due:
            due = now + REFRESH
            frame.beside = [left((now - begun) / max(1, frame.done) * (total - frame.done))]
            show(frame)

    try:
        yield advance
    finally:
        clear()


def above(text: str) -> bytes:
    """Return what a signal's handler, which must not wait for a lock, writes to file 2 for a line above the display.

    Rich goes on as if nothing had happened: below the text are as many empty lines as it will erase.
    """
    if _live in (None, True) or not os.isatty(2):
        return f"\n{text}\n".encode()
    erased = "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (LINES - 1)
    return (erased + text + "\n" * LINES).encode()


def _print(text: str) -> None:
    if _live in (None, True):
        print(text, flush=True)
    else:
        _live.console.print(text, soft_wrap=True, markup=False, highlight=False, emoji=False)


def _shows() -> bool:
    """Tell whether there can be a display: joblib's jobs, of which several share a terminal, have none."""
    worker = multiprocessing.current_process().name.startswith(JOBLIB_WORKER)
    return (sys.stdout.isatty() or _in_notebook()) and is_first() and not worker


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules and type(sys.stdout).__module__.startswith("ipykernel")


def _started() -> Any:
    """Start a display, unless the terminal knows no commands."""
    from rich.live import Live

    opened = console()
    if not opened.is_interactive or opened.is_dumb_terminal:
        return None
    live = Live(console=opened, auto_refresh=False, transient=True)
    live.start()
    return live
