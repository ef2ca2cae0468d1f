"""`metrics.csv`: every scalar of a run, a line for each; lines are only appended."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers.logger import Logger
from pytorch_lightning.utilities import rank_zero_only

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
        """Append a line for each metric and close the file, so that a killed run loses none."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a", newline="", encoding="utf-8") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            if stream.tell() == 0:
                writer.writerow(HEADER)
            elif self._first and not self.file.read_bytes().endswith(b"\n"):
                stream.write("?\n")  # a crash cut the last line short: make it unreadable rather than wrong
            writer.writerows((step, name, f"{float(value):.6g}") for name, value in metrics.items())
        self._first = False

    @rank_zero_only
    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the run folder has config.yaml."""
