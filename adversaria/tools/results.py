"""The end of a run in the terminal: the test metrics as a table, and what can be done next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from adversaria.runs import terminal
from adversaria.runs.metric_rows import notes, rows


def result_fields(record: Mapping[str, Any]) -> list[str]:
    """Return the test metrics of a record as texts for one line, as the table has them."""
    return [f"{row.words} {row.value}" for row in rows(_tested(record), record["protocol"])]


def print_results(record: Mapping[str, Any], title: str, *lines: str) -> None:
    """Print the test metrics of a record as a table, and below it what its reader has to know.

    Args:
        record: `metrics`, whose names begin with `test/`, and their `protocol`.
        title: of the table.
        lines: printed below it, one below the other.
    """
    from rich import box
    from rich.table import Table

    console = terminal.console(markup=False, emoji=False)  # labels and paths may have brackets and colons
    tested = _tested(record)
    plain, found = console.options.ascii_only, rows(tested, record["protocol"])
    table = Table(box=box.ASCII2 if plain else box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    table.add_column("metric", overflow="fold")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("to compare", overflow="fold")
    for row in found:
        table.add_row(f"{row.words} {'' if plain else row.better}".rstrip(), row.value, row.beside)
    console.print(table)
    for note in notes(tested):
        if not plain or note.isascii():  # the arrows are not there either
            console.print(note, highlight=False)
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def print_steps(steps: Mapping[str, str]) -> None:
    """Print commands by what they do; none is broken into lines, so that it can be pasted."""
    console = terminal.console(markup=False, emoji=False)
    width = max(map(len, steps), default=0)
    for number, (what, command) in enumerate(steps.items()):
        console.print(f"{'' if number else chr(10)}{what:{width}}  {command}", highlight=False, soft_wrap=True)


def _tested(record: Mapping[str, Any]) -> dict[str, Any]:
    return {n.removeprefix("test/"): value for n, value in record["metrics"].items() if n.startswith("test/")}
