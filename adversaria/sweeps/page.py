"""The page of a sweep, `summary.html`: what the values that vary do to each metric, and links to the jobs."""

from __future__ import annotations

import io
import math
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image

from adversaria.report.pages import REPORT
from adversaria.report.pictures import uri
from adversaria.report.rendering import render
from adversaria.report.tables import mean
from adversaria.runs.metric_wording import HIGHER, LOWER, better, in_order
from adversaria.runs.whole_files import replace_text
from adversaria.sweeps.job_record import DONE, FAILED, RUNNING, UNFINISHED, Job
from adversaria.sweeps.names import PAGE, shortest
from adversaria.sweeps.summary import Row, Summary, caption, cells, header

REFRESH = 15  # seconds after which the page of a sweep that runs is read again
ARROWS = {1: HIGHER, -1: LOWER, 0: ""}  # which way a metric is better
LARGEST = 640  # pixels a side of the samples on the page; larger pictures are halved until they fit


def write(folder: Path, summary: Summary, live: bool = False) -> Path:
    """Write the page into the folder of a sweep; return the file, which needs no other but for its links to the jobs.

    Args:
        folder: the folder of the sweep.
        summary: its jobs.
        live: whether the sweep runs; the page is then read again from time to time where it is open.
    """
    data = chart_data(folder, summary)
    arrows = {metric["name"]: metric["marked"] for metric in data["metrics"]}
    text = render(
        "sweep.html",
        title=f"Sweep {folder.name}",
        refresh=REFRESH if live else None,
        progress=progress(summary),
        header=[(name, arrows.get(name, name)) for name in header(summary)],
        swept=len(summary.swept),
        rows=[_row(folder, summary, row) for row in summary.rows],
        caption=caption(summary),
        data=data,
        samples=_samples(folder, summary),
    )
    replace_text(folder / PAGE, text)
    return folder / PAGE


def progress(summary: Summary) -> str:
    """Say how many jobs there are, by what came of them."""
    counts = Counter(job.status for job in summary.jobs)
    parts = [f"{counts[status]} {status}" for status in (DONE, RUNNING, UNFINISHED, FAILED) if counts[status]]
    waiting = max(0, (summary.planned or 0) - len(summary.jobs))
    return ", ".join([*parts, *([f"{waiting} waiting"] if waiting else [])])


def chart_data(folder: Path, summary: Summary) -> dict[str, Any]:
    """Return what the script of the page draws.

    Returns:
        `keys`: name and values in order of each key that varies; `metrics`: name, 1 where higher values are better, -1
        where lower ones are, else 0, and the name with the arrow of that; `settings`: the place, name, status, link and
        metrics of each setting.
    """
    objective = summary.objective
    names = [*([objective.metric] if objective else []), *in_order(summary.shown)]
    directions = {name: next(way for way, arrow in ARROWS.items() if arrow == better(name)) for name in names}
    if objective:
        directions[objective.metric] = -objective.sign
    settings = [(row.values, row) for row in summary.rows] + [(values, None) for values in summary.waiting]
    return {
        "keys": [
            {"name": name, "values": sorted({values[at] for values, _ in settings}, key=_place)}
            for at, name in enumerate(shortest(summary.swept))
        ],
        "metrics": [
            {"name": name, "better": direction, "marked": f"{name} {ARROWS[direction]}".rstrip()}
            for name, direction in directions.items()
        ],
        "settings": [
            {"at": values, "name": _name(summary, values), "status": "waiting"}
            if row is None
            else {
                "at": values,
                "name": _name(summary, values),
                "status": row.outcome,
                "link": _link(folder, row.jobs[0]),
                "values": {name: _finite(_value(summary, row, name)) for name in directions},
            }
            for values, row in settings
        ],
    }


def _value(summary: Summary, row: Row, name: str) -> float | None:
    """Return the mean of a metric, or of the objective, over the jobs of a setting."""
    if summary.objective and name == summary.objective.metric:
        return row.value
    return mean(job.metrics.get(name) for job in row.jobs)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _place(text: str) -> tuple[bool, float, str]:
    """Order numbers before texts."""
    try:
        number = float(text)
    except ValueError:
        return True, 0, text
    return False, number, text


def _name(summary: Summary, values: tuple[str, ...]) -> str:
    return ", ".join(map("=".join, zip(shortest(summary.swept), values, strict=True))) or "all jobs"


def _row(folder: Path, summary: Summary, row: Row) -> dict[str, Any]:
    """Return the cells of a setting, and its jobs: a name, a link and the status of each."""
    texts, outcome = cells(summary, row), row.outcome
    jobs = [(job.overrides.get("seed", job.folder.name), _link(folder, job), job.status) for job in row.jobs]
    return {"cells": texts, "status": row.jobs[0].status if len(row.jobs) == 1 else outcome, "outcome": outcome} | {
        "jobs": jobs if len(jobs) > 1 else [("open", *jobs[0][1:])]
    }


def _link(folder: Path, job: Job) -> str:
    """Return the address of a job: its report, if it has one, or its folder."""
    report = job.folder / REPORT
    path = os.path.relpath(report if report.is_file() else job.folder, folder)
    return quote(path) + ("" if report.is_file() else "/")


def _samples(folder: Path, summary: Summary) -> list[dict[str, Any]]:
    """Return the newest samples of the first job of each setting that has some."""
    found = []
    for row in summary.rows:
        for job in row.jobs:
            files = sorted(job.folder.glob("figures/samples_*.png"))
            if files and (picture := _picture(files[-1], files[-1].stat().st_mtime_ns)):
                found.append(
                    {"at": row.values, "name": _name(summary, row.values), "uri": picture, "link": _link(folder, job)}
                )
                break
    return found


@cache
def _picture(file: Path, changed: int) -> str | None:
    """Return a picture as an address to put into a page, no larger than `LARGEST`; None if it is damaged.

    Args:
        file: the picture.
        changed: when it was last changed; what was made of it before is taken again for the same time.
    """
    try:
        with Image.open(file, formats=["PNG"]) as picture:
            image = picture.convert("RGB")
    except Exception:  # whatever Pillow raises for a file that is not whole
        return None
    while max(image.size) > LARGEST:
        image = image.reduce(2)
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=85)
    return uri("webp", stream.getvalue())
