"""The end of a sweep in the terminal: its settings with the metrics that say most, in words."""

from __future__ import annotations

import math
from pathlib import Path

from adversaria.report import tables
from adversaria.runs import terminal
from adversaria.runs.metric_rows import number
from adversaria.runs.metric_wording import better, in_order, wording
from adversaria.sweeps.job_record import DONE
from adversaria.sweeps.names import shortest
from adversaria.sweeps.summary import Row, Summary, caption

MOST = 3  # metrics: more are not read, and do not fit


def print_table(summary: Summary, page: Path) -> None:
    """Print the settings of a sweep as a table, the best first, and below it where all of it is."""
    from rich import box
    from rich.table import Table

    console = terminal.console(markup=False, emoji=False)  # values and paths may have brackets and colons
    plain = console.options.ascii_only
    metrics = _metrics(summary)
    table = Table(box=box.ASCII2 if plain else box.SIMPLE_HEAD, pad_edge=False)
    ended = all(row.outcome == DONE for row in summary.rows)
    for key in [*shortest(summary.swept), *([] if ended else ["status"])]:
        table.add_column(key, overflow="fold")
    for head in [*(["jobs"] if summary.repeats else []), *(_words(metric, plain) for metric in metrics)]:
        table.add_column(head, justify="right", overflow="fold")
    for row in summary.rows:
        counted = [str(len(row.jobs))] if summary.repeats else []
        texts = [_text(_values(summary, row, metric), metric) for metric in metrics]
        cells = [*row.values, *([] if ended else [row.outcome.partition(":")[0]]), *counted, *texts]
        table.add_row(*(cell.replace("±", "+/-") if plain else cell for cell in cells))
    console.print("", table, sep="\n")
    reasons = [f"{' '.join(row.values)} {row.outcome}".lstrip() for row in summary.rows if ":" in row.outcome]
    for line in (*reasons, caption(summary), f"All metrics, charts and pictures: {page}"):
        console.print(line.replace("±", "+/-") if plain else line, highlight=False, soft_wrap=True)


def _metrics(summary: Summary) -> list[str]:
    """Return the objective and the most important test metrics, each as `stage/name`."""
    objective = [summary.objective.metric] if summary.objective else []
    tested = [f"test/{name}" for name in in_order(summary.shown) if "/" not in name]  # not those of each label
    return list(dict.fromkeys([*objective, *tested]))[:MOST]


def _words(metric: str, plain: bool) -> str:
    stage, _, name = metric.partition("/")
    words = wording(name)[0].words
    return f"{words if stage == 'test' else f'{stage} {name}'} {'' if plain else better(name)}".rstrip()


def _values(summary: Summary, row: Row, metric: str) -> list[float]:
    """Return what the jobs of a setting have of a metric."""
    if summary.objective and metric == summary.objective.metric:
        found = [job.value for job in row.jobs]
    else:
        found = [job.metrics.get(metric.removeprefix("test/")) for job in row.jobs]
    return [value for value in found if value is not None]


def _text(found: list[float], metric: str) -> str:
    """Write the mean, with the standard deviation where there are several values."""
    unit, mean = wording(metric.partition("/")[2])[0].unit, tables.mean(found)
    if mean is None:
        return ""
    if len(found) == 1 or not math.isfinite(mean):
        return number(mean, unit)
    numbers = (number(mean, unit), number(tables.deviation(found), unit, 2))
    return f"{'±'.join(text.removesuffix(unit).rstrip() for text in numbers)} {unit}".rstrip()
