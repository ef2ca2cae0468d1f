"""The summary of a sweep, from its jobs' folders: overrides × metrics, best first, as CSV and Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from adversaria.config.command_lines import value_of
from adversaria.report import tables
from adversaria.runs.metric_rows import doubles
from adversaria.runs.objective import Objective
from adversaria.runs.whole_files import replace_text
from adversaria.sweeps.job_record import DONE, Job, find_jobs
from adversaria.sweeps.names import shortest
from adversaria.sweeps.plan import PLAN, planned

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
        planned: number of jobs that the sweep will have; None where it is not known.
        waiting: the values of the settings that no job has yet.
    """

    objective: Objective | None
    swept: list[str]
    rows: list[Row]
    planned: int | None
    waiting: list[tuple[str, ...]]

    @property
    def jobs(self) -> list[Job]:
        """All jobs, best first."""
        return [job for row in self.rows for job in row.jobs]

    @property
    def repeats(self) -> bool:
        """Whether a setting has several jobs."""
        return any(len(row.jobs) > 1 for row in self.rows)

    @property
    def metrics(self) -> list[str]:
        """The metrics that a job has."""
        return sorted({metric for job in self.jobs for metric in job.metrics})

    @cached_property  # each row asks for it
    def shown(self) -> list[str]:
        """Those that people read: each quantity once."""
        return sorted({m for job in self.jobs for m in job.metrics.keys() - doubles(job.metrics, job.protocol)})


def write(folder: Path, summary: Summary) -> None:
    """Write `summary.csv` and `summary.md` into a sweep's folder."""
    for name, content in (("csv", _csv(summary)), ("md", markdown(summary))):
        replace_text(folder / f"summary.{name}", content)


def read(folder: Path, begins: Job | None = None, live: bool = False) -> Summary:
    """Read the jobs of a sweep.

    Args:
        folder: the folder of the sweep.
        begins: a job that begins, and may have written nothing yet.
        live: whether the sweep runs, so that jobs that have not ended may be running; it does where a job begins.
    """
    plan = folder / PLAN
    since = plan.stat().st_mtime if (live or begins) and plan.exists() else None
    begun = begins.folder.resolve() if begins else None
    jobs = [job for job in find_jobs(folder, since) if job.folder.resolve() != begun]
    jobs += [begins] if begins else []
    count, settings = planned(folder)
    overrides = [job.overrides for job in jobs]
    swept = [key for key in dict.fromkeys(key for job in jobs for key in job.overrides) if key != "seed"]
    planned_of = {key: {setting[key] for setting in settings if key in setting} for key in swept}
    swept = [key for key in swept if len({values.get(key) for values in overrides} | planned_of[key]) > 1]
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(tuple(job.overrides.get(key, "") for key in swept), []).append(job)
    rows = [Row(values, members) for values, members in groups.items()]
    objectives = {job.objective for job in jobs if job.objective}
    objective = objectives.pop() if len(objectives) == 1 else None
    if objective:
        rows.sort(key=lambda row: float("inf") if row.value is None or isnan(row.value) else objective.sign * row.value)
    expected = dict.fromkeys(tuple(setting.get(key, "") for key in swept) for setting in settings)
    return Summary(objective, swept, rows, count, [values for values in expected if values not in groups])


def header(summary: Summary) -> list[str]:
    """Return the columns' names."""
    return [
        *shortest(summary.swept),
        "status",
        "jobs",
        *([summary.objective.metric] if summary.objective else []),
        *summary.shown,
    ]


def cells(summary: Summary, row: Row) -> list[str]:
    """Return a row's texts, one a column."""
    objective = [tables.spread(job.value for job in row.jobs)] if summary.objective else []
    return [*row.values, row.outcome, str(len(row.jobs)), *objective, *map(row.text, summary.shown)]


def markdown(summary: Summary) -> str:
    """Return the table, a line for each setting, and what it shows."""
    table = tables.markdown(header(summary), (cells(summary, row) for row in summary.rows))
    return f"{table}\n{caption(summary)}\n"


def caption(summary: Summary) -> str:
    """Say how the rows are sorted and what they are the mean of."""
    extreme = {"min": "Lowest", "max": "Highest"}
    order = f"{extreme[summary.objective.mode]} {summary.objective.metric} first. " if summary.objective else ""
    if not summary.repeats:
        return f"{order}A row has the test metrics of one job."
    return f"{order}A row has the means over its jobs, and after ± the standard deviations. One job has none."


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
