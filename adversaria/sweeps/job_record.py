"""A job of a sweep, read from its folder."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adversaria.config.errors import ConfigError, first_line
from adversaria.config.loaded import read_yaml
from adversaria.report.values import is_number
from adversaria.runs.objective import Objective, objective_of, objective_value
from adversaria.runs.record import CONFIG, FAILURE, INVOCATION, METRICS, read_json, read_record

DONE, UNFINISHED, FAILED = "done", "unfinished", "failed"


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        folder: its run folder.
        overrides: key -> value, as text.
        status: `done`, `unfinished` or `failed`.
        error: why it failed.
        objective: the metric that jobs are compared by, if there is one.
        value: its value.
        metrics: test metrics, without those of single labels and the floors.
    """

    folder: Path
    overrides: dict[str, str]
    status: str
    error: str | None
    objective: Objective | None
    value: float | None
    metrics: dict[str, float]

    @property
    def outcome(self) -> str:
        """What tables say of it: its status, and why it failed."""
        return self.status if self.error is None else f"{self.status}: {self.error}"


def find_jobs(folder: Path) -> list[Job]:
    """Read the jobs of a sweep."""
    files = sorted({*folder.rglob(INVOCATION), *folder.rglob(FAILURE)})
    return [_job(path) for path in dict.fromkeys(file.parent for file in files)]


def _job(folder: Path) -> Job:
    try:
        return _read(folder)
    except Exception as error:  # one damaged folder must not take the summary of all jobs down
        return Job(folder, {}, FAILED, f"its folder is damaged ({first_line(error)})", None, None, {})


def _read(folder: Path) -> Job:
    measured = read_record(folder / METRICS).get("metrics")
    failure = read_json(folder / FAILURE, None) if measured is None else None  # else another process finished it
    invocations = read_json(folder / INVOCATION, None)
    config: Any = read_yaml(folder / CONFIG) if (folder / CONFIG).exists() else {}
    value = None
    if measured:
        with contextlib.suppress(ConfigError):  # it has no such metric
            value = objective_value(config, measured, folder)
    overrides = [o.lstrip("+").partition("=") for o in (failure or invocations[-1])["overrides"]]
    return Job(
        folder,
        {key: text for key, _, text in overrides},
        FAILED if failure else UNFINISHED if measured is None else DONE,
        failure["error"] if failure else None,
        objective_of(config),
        value,
        {
            key.removeprefix("test/"): value
            for key, value in (measured or {}).items()
            if is_number(value) and key.count("/") == 1 and not key.endswith("_floor")
        },
    )
