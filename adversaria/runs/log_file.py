"""`train.log`: what a run logs, beside what the terminal shows."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from adversaria.runs import processes


class LogFile(logging.FileHandler):
    """A log that a run can do without: where it cannot be written, that is said once, and the run goes on."""

    _failed = False

    def handleError(self, record: logging.LogRecord) -> None:
        """Say that a line is missing, where the disk is at fault."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
        elif not self._failed:
            self._failed = True
            with contextlib.suppress(OSError):
                print(f"{self.baseFilename} lacks lines: {error.strerror}", file=sys.stderr)

    def close(self) -> None:
        """Close the file, without what could not be written."""
        with contextlib.suppress(OSError):
            super().close()


@contextlib.contextmanager
def logged_to(file: Path) -> Iterator[None]:
    """Write the log to a file as well, in the first process."""
    handler = LogFile(file, encoding="utf-8") if processes.is_first() else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
