"""The test metrics of a run as a table in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from adversaria.runs.wording import marked


def print_results(metrics: Mapping[str, Any], *where: str, title: str = "test") -> None:
    """Print the test metrics as a table, and below it the lines `where`, on how to continue."""
    console = Console(markup=False, emoji=False)  # labels and paths may have brackets and colons
    table = Table("metric", "value", title=title)
    for name, value in sorted(metrics.items()):
        if name.startswith("test/"):
            shown = name.removeprefix("test/")
            shown = shown if console.options.ascii_only else marked(shown)
            table.add_row(shown, "nan" if value is None else f"{float(value):.5g}")
    console.print(table)
    for line in where:
        console.print(line, highlight=False, soft_wrap=True)
