"""Writes the table of domain adaptation when a sweep ends."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback

from adversaria.report.adaptation_cells import read_cells
from adversaria.report.adaptation_table import markdown, write_csv
from adversaria.report.results import reported
from adversaria.runs.whole_files import replace_text

log = logging.getLogger(__name__)


class UDATable(Callback):
    """Write `table.md` and `table.csv` into a sweep's folder when it ends, from whatever runs are finished there.

    Args:
        note: stands under the table.
    """

    def __init__(self, note: str = "") -> None:
        self.note = note

    def on_multirun_end(self, config: Any, **kwargs: Any) -> None:
        """Read the runs, write, print."""
        folder = Path(config.hydra.sweep.dir)
        cells = read_cells(folder)
        if not cells:
            log.warning("no run in %s is finished, so there is no table", folder)
            return
        text = markdown(cells, reported()) + (f"\n{self.note}\n" if self.note else "")
        replace_text(folder / "table.md", text)
        write_csv(folder / "table.csv", cells, reported())
        print(f"\n{text}\n{folder / 'table.md'}")
