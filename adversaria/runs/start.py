"""What a start writes into its run folder. A resumed run is as it was until all has been checked."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
from collections.abc import Callable, Iterator
from pathlib import Path

from adversaria.config.errors import first_line
from adversaria.config.foreign_errors import describe_error
from adversaria.runs import processes
from adversaria.runs.log_file import LogFile
from adversaria.runs.record import INVOCATION, read_json, write_failure


class Start:
    """The log and the record of a start.

    Args:
        folder: the run's.
        save: writes the record of the start; the first process calls it.

    Attributes:
        saved: whether anything was written.
    """

    def __init__(self, folder: Path, save: Callable[[], None]) -> None:
        self.folder, self._save = folder, save
        self.saved = False
        self._log = logging.handlers.MemoryHandler(1000, flushLevel=logging.CRITICAL + 1, flushOnClose=False)

    @contextlib.contextmanager
    def logged(self) -> Iterator[None]:
        """Write the log to train.log as well, from `save` on, with what was said before."""
        logging.getLogger().addHandler(self._log)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(self._log)
            if self.saved:
                self._log.flush()
            target = self._log.target
            self._log.close()
            if target is not None:
                target.close()

    def save(self) -> None:
        """Write the record, and begin the log."""
        if self.saved:
            return
        self.saved = True
        if not processes.is_first():
            return
        self._save()
        target = LogFile(self.folder / "train.log", encoding="utf-8")
        target.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
        self._log.setTarget(target)
        self._log.flush()
        self._log.capacity = 1  # each line as it comes

    def failed(self, error: BaseException) -> None:
        """Write why the run ended, for reports and the index, unless a signal ended it."""
        if self.saved and processes.is_first() and isinstance(error, Exception):
            sentence = describe_error(error) or f"{type(error).__name__}: {first_line(error)}"
            with contextlib.suppress(OSError):  # of a full disk, which is what the sentence says
                starts = read_json(self.folder / INVOCATION, [{"overrides": []}])
                write_failure(self.folder, starts[-1]["overrides"], sentence)
