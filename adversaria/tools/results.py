"""The test metrics of a run as a table in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from adversaria.runs.wording import marked, with_floors

MEANS = (
    "floor: the value of real validation images, as a perfect generator would have it. precision: the share of "
    "generated images that are like real ones; recall: the share of real images that are like generated ones."
)


def print_results(metrics: Mapping[str, Any], *where: str, title: str = "test") -> None:
    """Print the test metrics as a table, and below it the lines `where`, on how to continue.

    Values of real images stand beside those of generated ones, in a column of their own.
    """
    console = Console(markup=False, emoji=False)  # labels and paths may have brackets and colons
    tested = {name.removeprefix("test/"): value for name, value in metrics.items() if name.startswith("test/")}
    rows, floors = with_floors(tested)
    table = Table("metric", "value", *(["floor"] if floors else []), title=title)
    for name, value, floor in rows:
        shown = name if console.options.ascii_only else marked(name)
        table.add_row(shown, _number(value), *([] if not floors else ["" if floor is None else _number(floor)]))
    console.print(table)
    for line in (*([MEANS] if floors else []), *where):
        console.print(line, highlight=False, soft_wrap=True)


def _number(value: Any) -> str:
    return "nan" if value is None else f"{float(value):.5g}"
