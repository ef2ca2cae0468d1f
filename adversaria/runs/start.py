"""What a start writes into its run folder. A resumed run is as it was until all has been checked."""

from __future__ import annotations

import logging
import logging.handlers
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adversaria.runs import processes
from adversaria.runs.log_file import LogFile


class Start:
    """The log and the record of a start.

    Args:
        folder: the run's.
        save: writes the record of the start; the first process calls it.
        at_once: whether there is nothing that a refused start could spoil.

    Attributes:
        saved: whether anything was written.
    """

    def __init__(self, folder: Path, save: Callable[[], None], at_once: bool) -> None:
        self.folder, self._save, self._at_once = folder, save, at_once
        self.saved = False
        self._log = logging.handlers.MemoryHandler(1000, flushLevel=logging.CRITICAL + 1, flushOnClose=False)

    @contextmanager
    def logged(self) -> Iterator[None]:
        """Write the log to train.log as well, from `save` on, with what was said before."""
        logging.getLogger().addHandler(self._log)
        if self._at_once:
            self.save()
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
