"""A job of a sweep, read from its folder."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adversaria.config.errors import ConfigError, first_line
from adversaria.config.loaded import read_yaml
from adversaria.report.values import is_number
from adversaria.runs.objective import Objective, objective_of, objective_value
from adversaria.runs.record import CONFIG, FAILURE, INVOCATION, METRICS, read_json, read_record

DONE, RUNNING, UNFINISHED, FAILED = "done", "running", "unfinished", "failed"


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        folder: its run folder.
        overrides: key -> value, as text.
        status: `done`, `running`, `unfinished` or `failed`.
        error: why it failed.
        objective: the metric that jobs are compared by, if there is one.
        value: its value.
        metrics: test metrics, without those of single labels and the floors.
        protocol: how they were measured.
    """

    folder: Path
    overrides: dict[str, str]
    status: str
    error: str | None
    objective: Objective | None
    value: float | None
    metrics: dict[str, float]
    protocol: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        """What tables say of it: its status, and why it failed."""
        return self.status if self.error is None else f"{self.status}: {self.error}"


def find_jobs(folder: Path, running_since: float | None = None) -> list[Job]:
    """Read the jobs of a sweep.

    Args:
        folder: the folder of the sweep.
        running_since: the time, in seconds since 1970, when it was started; a job that was started later and has not
            ended is running. None where the sweep does not run.
    """
    files = sorted({*folder.rglob(INVOCATION), *folder.rglob(FAILURE)})
    return [_job(path, running_since) for path in dict.fromkeys(file.parent for file in files)]


def starting(folder: Path, overrides: Sequence[str]) -> Job:
    """Return the job that begins in a folder."""
    return Job(folder, _values(overrides), RUNNING, None, None, None, {})


def _job(folder: Path, running_since: float | None) -> Job:
    try:
        return _read(folder, running_since)
    except Exception as error:  # one damaged folder must not take the summary of all jobs down
        return Job(folder, {}, FAILED, f"its folder is damaged ({first_line(error)})", None, None, {})


def _read(folder: Path, running_since: float | None) -> Job:
    record = read_record(folder / METRICS)
    measured = record.get("metrics")
    failure = read_json(folder / FAILURE, None) if measured is None else None  # else another process finished it
    invocations = read_json(folder / INVOCATION, None)
    config: Any = read_yaml(folder / CONFIG) if (folder / CONFIG).exists() else {}
    value = None
    if measured:
        with contextlib.suppress(ConfigError):  # it has no such metric
            value = objective_value(config, measured, folder)
    status = FAILED if failure else UNFINISHED if measured is None else DONE
    if not failure and running_since is not None and _is_running(folder, running_since):
        status = RUNNING
    return Job(
        folder,
        _values((failure or invocations[-1])["overrides"]),
        status,
        failure["error"] if failure else None,
        objective_of(config),
        value,
        {
            key.removeprefix("test/"): value
            for key, value in (measured or {}).items()
            if is_number(value) and key.count("/") == 1 and not key.endswith("_floor")
        },
        record.get("protocol", {}),
    )


def _is_running(folder: Path, since: float) -> bool:
    """Say whether a job was started, or continued, since this time and no test has followed."""
    begun, tested = (file.stat().st_mtime if file.exists() else 0 for file in (folder / INVOCATION, folder / METRICS))
    return begun >= since and begun > tested


def _values(overrides: Sequence[str]) -> dict[str, str]:
    """Return key -> value of overrides, as text."""
    return {key: text for key, _, text in (override.lstrip("+").partition("=") for override in overrides)}
