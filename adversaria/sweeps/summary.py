"""The summary of a sweep, from its jobs' folders: overrides × metrics, best first, as CSV, Markdown and a page."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from adversaria.config.command_lines import value_of
from adversaria.report import tables
from adversaria.runs.objective import Objective
from adversaria.runs.whole_files import replace_text
from adversaria.sweeps.job_record import DONE, Job, find_jobs
from adversaria.sweeps.names import shortest

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Row:
    """Jobs that differ in their seed alone."""

    values: tuple[str, ...]
    jobs: list[Job]

    @property
    def outcome(self) -> str:
        """What tables say of the jobs together."""
        return "; ".join(sorted({job.outcome for job in self.jobs} - {DONE})) or DONE

    @property
    def value(self) -> float | None:
        """Mean of the objective over the jobs that have one."""
        return tables.mean(job.value for job in self.jobs)

    def text(self, metric: str) -> str:
        """Write the mean of a metric ± the standard deviation over seeds."""
        return tables.spread(job.metrics.get(metric) for job in self.jobs)


@dataclass(frozen=True)
class Summary:
    """The jobs of a sweep, one row for each setting.

    Attributes:
        objective: what they are sorted by; None where they have none, or not the same.
        swept: the keys that differ.
        rows: best first.
    """

    objective: Objective | None
    swept: list[str]
    rows: list[Row]

    @property
    def jobs(self) -> list[Job]:
        """All jobs, best first."""
        return [job for row in self.rows for job in row.jobs]

    @property
    def metrics(self) -> list[str]:
        """The metrics that a job has."""
        return sorted({metric for job in self.jobs for metric in job.metrics})


def write(folder: Path, summary: Summary) -> str:
    """Write `summary.csv`, `summary.md` and `summary.html` into a sweep's folder; return the Markdown."""
    text = markdown(summary)
    for name, content in (("csv", _csv(summary)), ("md", text), ("html", page(summary, f"Sweep {folder.name}"))):
        replace_text(folder / f"summary.{name}", content)
    return text


def read(folder: Path) -> Summary:
    """Read the jobs of a sweep."""
    jobs = find_jobs(folder)
    keys = dict.fromkeys(key for job in jobs for key in job.overrides)
    swept = [key for key in keys if key != "seed" and (len({job.overrides.get(key) for job in jobs}) > 1)]
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(tuple(job.overrides.get(key, "") for key in swept), []).append(job)
    rows = [Row(values, members) for values, members in groups.items()]
    objectives = {job.objective for job in jobs if job.objective}
    objective = objectives.pop() if len(objectives) == 1 else None
    if objective:
        rows.sort(key=lambda row: float("inf") if row.value is None or isnan(row.value) else objective.sign * row.value)
    return Summary(objective, swept, rows)


def header(summary: Summary) -> list[str]:
    """Return the columns' names."""
    return [
        *shortest(summary.swept),
        *([summary.objective.metric] if summary.objective else []),
        *summary.metrics,
        "jobs",
        "status",
    ]


def cells(summary: Summary, row: Row) -> list[str]:
    """Return a row's texts, one a column."""
    objective = [tables.spread(job.value for job in row.jobs)] if summary.objective else []
    return [*row.values, *objective, *map(row.text, summary.metrics), str(len(row.jobs)), row.outcome]


def markdown(summary: Summary) -> str:
    """Return the table, a line for each setting, and what it shows."""
    table = tables.markdown(header(summary), (cells(summary, row) for row in summary.rows))
    return f"{table}\n{caption(summary)}\n"


def caption(summary: Summary) -> str:
    """Say how the rows are sorted and what they are the mean of."""
    extreme = {"min": "Lowest", "max": "Highest"}
    order = f"{extreme[summary.objective.mode]} {summary.objective.metric} first. " if summary.objective else ""
    return f"{order}Each row: the mean of its jobs' test metrics, ± standard deviation over seeds."


def _csv(summary: Summary) -> str:
    """Return a line for each job, all its metrics."""
    keys = list(dict.fromkeys(key for job in summary.jobs for key in job.overrides))
    rows = []
    for job in summary.jobs:
        settings = [job.overrides.get(key, "") for key in keys]
        metrics = [job.metrics.get(metric) for metric in summary.metrics]
        rows.append([*settings, job.value, *metrics, job.outcome, job.folder.name])
    return tables.csv_text([*keys, "objective", *summary.metrics, "status", "folder"], rows)


def frame(summary: Summary) -> DataFrame:
    """Return a row for each job, best first: what differs, the objective, all metrics, the status, the folder."""
    from pandas import DataFrame

    keys = list(dict.fromkeys(key for job in summary.jobs for key in job.overrides))
    swept = [key for key in keys if len({job.overrides.get(key) for job in summary.jobs}) > 1] or keys
    rows = [
        {
            **{key: value_of(f"{key}={job.overrides[key]}") for key in swept if key in job.overrides},
            "objective": job.value,
            **{metric: job.metrics.get(metric) for metric in summary.metrics},
            "status": job.outcome,
            "folder": str(job.folder.absolute()),
        }
        for job in summary.jobs
    ]
    return DataFrame(rows, columns=[*swept, "objective", *summary.metrics, "status", "folder"])


def page(summary: Summary, title: str) -> str:
    """Return the table as a page that needs no other file, with the trade-off of a VAE and each job's samples."""
    from adversaria.report.pictures import uri
    from adversaria.report.rendering import render

    plot = tradeoff(summary)
    samples = {job.folder.name: sorted(job.folder.glob("figures/samples_*.png")) for job in summary.jobs}
    return render(
        "sweep.html",
        title=title,
        header=header(summary),
        rows=[cells(summary, row) for row in summary.rows],
        caption=caption(summary),
        tradeoff=uri("png", plot) if plot else None,
        samples=[(name, uri("png", files[-1].read_bytes())) for name, files in samples.items() if files],
    )


def tradeoff(summary: Summary) -> bytes | None:
    """Draw the MSE against the KLD of the settings, as PNG; None where fewer than two have both."""
    points = {}
    for row in summary.rows:
        x, y = (tables.mean(job.metrics.get(metric) for job in row.jobs) for metric in ("kld", "mse"))
        if x is not None and y is not None:
            points[", ".join(map("=".join, zip(shortest(summary.swept), row.values, strict=True)))] = (x, y)
    if len(points) < 2:
        return None
    from adversaria.report.scatter import scatter  # imports matplotlib

    return scatter(points, "KLD, nats", "MSE")
