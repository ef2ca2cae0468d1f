"""The summary of a sweep, from its jobs' folders: overrides × metrics, best first, as CSV, Markdown and a page."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from adversaria.config.errors import ConfigError
from adversaria.runs.record import CONFIG, FAILURE, INVOCATION, METRICS, read_record, replace_text
from adversaria.sweeps.names import shortest

DONE, FAILED = "done", "failed"


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        folder: its run folder.
        overrides: key -> value, as text.
        status: `done`, `unfinished`, or why it failed.
        minimises: the metric that a sweeper minimises, if there is one.
        objective: its value.
        metrics: test metrics, without those of single labels and the floors.
    """

    folder: Path
    overrides: dict[str, str]
    status: str
    minimises: str | None
    objective: float | None
    metrics: dict[str, float]


@dataclass(frozen=True)
class Row:
    """Jobs that differ in their seed alone."""

    values: tuple[str, ...]
    jobs: list[Job]

    @property
    def status(self) -> str:
        """What to say of the jobs together."""
        told = sorted({job.status for job in self.jobs if job.status != DONE})
        return "; ".join(told) or DONE

    @property
    def objective(self) -> float | None:
        """Mean over the jobs that have one."""
        return _mean([job.objective for job in self.jobs])

    def text(self, metric: str) -> str:
        """Write the mean of a metric, ± the standard deviation over seeds."""
        return _spread([job.metrics.get(metric) for job in self.jobs])


@dataclass(frozen=True)
class Summary:
    """What the jobs of a sweep have in common and apart."""

    objective: str
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
    files = sorted({*folder.rglob(INVOCATION), *folder.rglob(FAILURE)})
    jobs = [_job(path) for path in dict.fromkeys(file.parent for file in files)]
    keys = dict.fromkeys(key for job in jobs for key in job.overrides)
    swept = [key for key in keys if key != "seed" and (len({job.overrides.get(key) for job in jobs}) > 1)]
    groups: dict[tuple[str, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(tuple(job.overrides.get(key, "") for key in swept), []).append(job)
    rows = [Row(values, members) for values, members in groups.items()]
    rows.sort(key=lambda row: float("inf") if row.objective is None else row.objective)
    objectives = {job.minimises for job in jobs if job.minimises}
    return Summary(" or ".join(sorted(objectives)), swept, rows)


def _job(folder: Path) -> Job:
    from adversaria.runs.objective import objective  # imports torch: where the jobs ran in other processes, only now

    measured = read_record(folder / METRICS).get("metrics")
    failure = _json(folder / FAILURE) if measured is None else None  # else it was refused while another was at it
    invocations = _json(folder / INVOCATION)
    config = OmegaConf.load(folder / CONFIG) if (folder / CONFIG).exists() else OmegaConf.create()
    minimises, value = OmegaConf.select(config, "objective"), None
    if measured:
        with contextlib.suppress(ConfigError):  # it has no such metric
            value = objective(minimises, measured, folder)
    return Job(
        folder,
        dict(o.lstrip("+").split("=", 1) for o in (failure or invocations[-1])["overrides"]),
        f"{FAILED}: {failure['error']}" if failure else "unfinished" if measured is None else DONE,
        minimises,
        value,
        {
            key.removeprefix("test/"): value
            for key, value in (measured or {}).items()
            if value is not None and key.count("/") == 1 and not key.endswith("_floor")
        },
    )


def _json(file: Path) -> Any:
    return json.loads(file.read_text()) if file.exists() else None


def _spread(values: Sequence[float | None]) -> str:
    found = [value for value in values if value is not None]
    if not found:
        return ""
    import statistics  # 20 ms, which every start would pay for

    return f"{statistics.mean(found):.4g}" + (f" ± {statistics.stdev(found):.2g}" if len(found) > 1 else "")


def header(summary: Summary) -> list[str]:
    """Return the columns' names."""
    objective = [summary.objective] if summary.objective else []
    return [*shortest(summary.swept), *objective, *summary.metrics, "jobs", "status"]


def cells(summary: Summary, row: Row) -> list[str]:
    """Return a row's texts, one a column."""
    objective = [_spread([job.objective for job in row.jobs])] if summary.objective else []
    return [*row.values, *objective, *map(row.text, summary.metrics), str(len(row.jobs)), row.status]


def markdown(summary: Summary) -> str:
    """Return the table, a line for each setting, and what it shows."""
    lines = [header(summary), ["---"] * len(header(summary)), *(cells(summary, row) for row in summary.rows)]
    table = "\n".join("| " + " | ".join(text.replace("|", "\\|") for text in line) + " |" for line in lines)
    return f"{table}\n\n{caption(summary)}\n"


def caption(summary: Summary) -> str:
    """Say how the rows are sorted and what they are the mean of."""
    order = f"Best {summary.objective} first. " if summary.objective else ""
    return f"{order}Test metrics, after a line's jobs: mean ± standard deviation over seeds where there are several."


def _csv(summary: Summary) -> str:
    """Return a line for each job, all its metrics."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    keys = list(dict.fromkeys(key for job in summary.jobs for key in job.overrides))
    writer.writerow([*keys, "objective", *summary.metrics, "status", "folder"])
    for job in summary.jobs:
        values = [job.metrics.get(metric, "") for metric in summary.metrics]
        objective = "" if job.objective is None else job.objective
        writer.writerow([*(job.overrides.get(k, "") for k in keys), objective, *values, job.status, job.folder.name])
    return stream.getvalue()


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
    """Draw the MSE against the KLD of the jobs, as PNG; None where fewer than two jobs have both."""
    if sum({"mse", "kld"} <= set(job.metrics) for job in summary.jobs) < 2:
        return None
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    for number, row in enumerate(summary.rows):
        x, y = (_mean([job.metrics.get(metric) for job in row.jobs]) for metric in ("kld", "mse"))
        if x is None or y is None:
            continue
        named = zip(shortest(summary.swept), row.values, strict=True)
        label = ", ".join(f"{k}={v}" for k, v in named)
        axis.scatter(x, y, s=50, label=label, color=f"C{number % 10}", marker="osD^v"[number // 10 % 5])
    axis.set(xlabel="KLD, nats", ylabel="MSE", xscale="log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter("")
    figure.legend(loc="outside right upper", fontsize=8)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=120)
    return stream.getvalue()


def _mean(values: Sequence[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return sum(found) / len(found) if found else None
