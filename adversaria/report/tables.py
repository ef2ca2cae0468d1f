"""Tables of several runs: mean ± standard deviation, Markdown, CSV."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Sequence


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of the values that are there, None if there are none."""
    found = [value for value in values if value is not None]
    if not found:
        return None
    import statistics  # 20 ms, which every start would pay for

    return statistics.mean(found)


def spread(values: Iterable[float | None], digits: str = ".4g", digits_std: str = ".2g") -> str:
    """Write the mean of the values that are there, with the standard deviation where there are several."""
    found = [value for value in values if value is not None]
    average = mean(found)
    if average is None:
        return ""
    return f"{average:{digits}}" + (f" ± {deviation(found):{digits_std}}" if len(found) > 1 else "")


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation of several values, NaN if one is not finite."""
    import statistics

    return statistics.stdev(values) if all(map(math.isfinite, values)) else math.nan


def escaped(text: str) -> str:
    """Return a text of one line in which nothing is a tag, a link, code or a cell's end in Markdown."""
    text = re.sub(r"([\\`~\[\]|])", r"\\\1", " ".join(text.splitlines()))
    return text.replace("&", "&amp;").replace("<", "&lt;")


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]], cell: Callable[[str], str] = escaped) -> str:
    """Return a Markdown table, which ends with a new line; `cell` makes Markdown of a text."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV, a line for each row; None becomes an empty field.

    A text that a spreadsheet would compute, as `=1+1`, gets an apostrophe in front, which spreadsheets do not show.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerows([_not_computed(value) for value in row] for row in (header, *rows))
    return stream.getvalue()


def _not_computed(value: object) -> object:
    if not isinstance(value, str) or not value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value
