"""`metrics.csv`: every scalar of a run, a line for each; lines are only appended."""

from __future__ import annotations

import contextlib
import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

from adversaria.runs.whole_files import cannot_write

HEADER = ("iteration", "metric", "value")


class CSVLogger(Logger):
    """Append `iteration,metric,value` lines to `<folder>/metrics.csv`.

    Unlike Lightning's logger of that name it never deletes or rewrites a file: a resumed run goes on where the file
    ends, and `adversaria.runs.curves.read_metrics` joins the parts. A metric that appears late needs no new column.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.file = Path(folder) / "metrics.csv"
        self._first = True

    @property
    def name(self) -> str:
        """Name of the logger."""
        return "csv"

    @property
    def version(self) -> str:
        """Version of the run: none, as each run has its own folder."""
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append a line for each metric and close the file, so that a killed run loses none.

        Raises:
            SavingError: they cannot be written; the file is as it was.
        """
        before = self.file.stat().st_size if self.file.exists() else 0
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", newline="", encoding="utf-8") as stream:
                writer = csv.writer(stream, lineterminator="\n")
                if before and self._first:
                    stream.write(_end_of_last_line(self.file.read_bytes()))
                if before == 0:
                    writer.writerow(HEADER)
                writer.writerows((step, name, f"{float(value):.6g}") for name, value in metrics.items())
        except OSError as error:
            with contextlib.suppress(OSError):
                os.truncate(self.file, before)
            raise cannot_write(self.file, error) from error
        self._first = False

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the run folder has config.yaml."""


def _end_of_last_line(content: bytes) -> str:
    """Return what ends the last line where a crash cut it short: that line becomes unreadable rather than wrong."""
    if content.endswith(b"\n"):
        return ""
    header = ",".join(HEADER) + "\n"
    return "?\n" if b"\n" in content else header[len(content) :]  # of the header, the rest is known
