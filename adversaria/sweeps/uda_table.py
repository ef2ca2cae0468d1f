"""Writes the table of domain adaptation when a sweep ends."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback

from adversaria.report.adaptation_table import markdown, read_cells, write_csv
from adversaria.runs.whole_files import replace_text

log = logging.getLogger(__name__)


class UDATable(Callback):
    """Write `table.md` and `table.csv` into a sweep's folder when it ends, from whatever runs are finished there.

    Args:
        reported: scenario -> system -> what the reports have.
        note: stands under the table.
    """

    def __init__(self, reported: Mapping[str, Mapping[str, Any]], note: str = "") -> None:
        self.reported, self.note = reported, note

    def on_multirun_end(self, config: Any, **kwargs: Any) -> None:
        """Read the runs, write, print."""
        folder = Path(config.hydra.sweep.dir)
        cells = read_cells(folder)
        if not cells:
            log.warning("no run in %s is finished, so there is no table", folder)
            return
        text = markdown(cells, self.reported) + (f"\n{self.note}\n" if self.note else "")
        replace_text(folder / "table.md", text)
        write_csv(folder / "table.csv", cells, self.reported)
        print(f"\n{text}\n{folder / 'table.md'}")
