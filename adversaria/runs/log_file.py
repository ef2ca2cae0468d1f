"""`train.log`: what a run logs, beside what the terminal shows."""

from __future__ import annotations

import contextlib
import logging
import sys


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
                print(f"{self.baseFilename} has gaps: lines could not be written ({error.strerror})", file=sys.stderr)

    def close(self) -> None:
        """Close the file, without what could not be written."""
        with contextlib.suppress(OSError):
            super().close()
