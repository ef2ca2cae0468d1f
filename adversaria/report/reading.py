"""Read a run from its folder. What is missing or damaged is left out, with a sentence that says so.

A run folder may come from elsewhere: each part is checked here to be of the types that pages expect, whatever its file
holds, so that one run never takes the page of all others down.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from adversaria.config.loaded import MIB, FileError, check_file, read_json, read_text, read_yaml
from adversaria.config.renamed import renamed, renamed_choices
from adversaria.report.pictures import pictures_in
from adversaria.report.run import Architecture, Run, is_without_test
from adversaria.report.values import dictionary, entries, is_number, reason_of
from adversaria.runs.architecture import printed_networks
from adversaria.runs.curves import Curves, read_metrics
from adversaria.runs.record import ARCHITECTURE, CONFIG, FAILURE, INVOCATION, METRICS, understood
from adversaria.runs.wording import readable

T = TypeVar("T")
LONGEST_FAILURE = 1000  # letters that a page shows of it
OLD_ARCHITECTURE = "architecture.txt"  # all that version 0.1.0 wrote of the networks
CURVES, ENVIRONMENT = "metrics.csv", "environment.json"
RECORDS = {INVOCATION, METRICS, ARCHITECTURE, OLD_ARCHITECTURE, CURVES, ENVIRONMENT}
ESSENTIAL = (CONFIG, INVOCATION, METRICS)  # a run with one of them damaged has the status `damaged`
LARGEST_CURVES = 256 * MIB
MOST_CURVES = 1000


def is_run(folder: Path) -> bool:
    """Say whether a folder is that of a run."""
    return os.path.lexists(folder / CONFIG)


def find(folder: Path) -> list[Path]:
    """Find the run folders below a folder; links are not followed."""
    found, left = [], [str(folder)]
    while left:
        here = left.pop()
        try:
            inside = list(os.scandir(here))
        except OSError:  # not a folder, or not ours to read
            continue
        names = {entry.name for entry in inside}
        if CONFIG in names and names & RECORDS:
            found.append(Path(here))
        left += [entry.path for entry in inside if entry.is_dir(follow_symlinks=False)]
    return sorted(found)


def read(folder: Path) -> Run:
    """Read a run folder."""
    failure = _failure(folder / FAILURE)
    missing = [f"The last start failed: {failure}."] if failure else []
    damaged: list[str] = []

    def part(name: str, reader: Callable[[Path], T], without: str, default: T) -> T:
        try:
            return reader(folder / name)
        except FileNotFoundError:
            missing.append(f"There is no {name}: {without}.")
        except Exception as error:  # whatever a damaged file makes its reader raise
            missing.append(f"{name} is damaged: {without}; {reason_of(error)}.")
            damaged.extend([missing[-1]] if name in ESSENTIAL else [])
        return default

    config: dict[str, Any] = part(CONFIG, _config, "the configuration is not known", {})
    unfinished = "the run is not finished, or was stopped before its test"
    untested = "the run was not to be tested" if is_without_test(config) else unfinished
    record: dict[str, Any] = part(METRICS, measured_in, untested, {})
    old = (folder / OLD_ARCHITECTURE).exists() and not (folder / ARCHITECTURE).exists()
    networks = (OLD_ARCHITECTURE, _old_architecture) if old else (ARCHITECTURE, _architecture)
    run = Run(
        folder,
        config,
        part(INVOCATION, _starts, "command and date are not known", []),
        part(ENVIRONMENT, _environment, "device, versions and commit are not known", {}),
        record,
        part(CURVES, _curves, "there are no learning curves", {}),
        part(*networks, "the networks are not shown", Architecture("", {}, {})),
        pictures_in(folder, missing),
        missing,
        damaged,
        failure,
    )
    if run.metrics and run.status == "unfinished":
        tested = run.protocol.get("iteration", 0)
        missing.append(f"The test metrics are of iteration {tested:,}, but the run went on to {run.iteration:,}.")
    return run


def unreadable(folder: Path, error: Exception) -> Run:
    """Return a run of which nothing can be shown but why."""
    sentence = f"This run cannot be shown: {reason_of(error)}."
    return Run(folder, {}, [], {}, {}, {}, Architecture("", {}, {}), [], [sentence], [sentence])


def _config(file: Path) -> dict[str, Any]:
    config = read_yaml(file, within=file.parent)
    if not isinstance(config, dict) or not isinstance(config.get("name"), str):
        raise FileError("has no name")
    return {str(k): v for k, v in renamed(config).items()}


def _failure(file: Path) -> str | None:
    """Return why the last start of a run failed; None if it did not, or the file is damaged."""
    try:
        return str(dictionary(read_json(file, within=file.parent), "a failure")["error"])[:LONGEST_FAILURE]
    except Exception:  # whatever a damaged file raises
        return None


def _starts(file: Path) -> list[dict[str, Any]]:
    starts = [dictionary(start, "a start") for start in entries(read_json(file, within=file.parent), "the starts")]
    if not starts:
        raise FileError("has no start")
    return [
        {
            "time": str(start["time"]),
            "choices": renamed_choices(dictionary(start["choices"], "choices")),
            "overrides": [str(override) for override in entries(start["overrides"], "overrides")],
        }
        for start in starts
    ]


def _environment(file: Path) -> dict[str, Any]:
    starts = entries(read_json(file, within=file.parent), "the starts")
    if not starts:
        raise FileError("has no start")
    found = dictionary(starts[-1], "a start")
    return {key: value if key == "git_dirty" or value is None else str(value) for key, value in found.items()}


def measured_in(file: Path) -> dict[str, Any]:
    """Return what a metrics.json holds, its metrics finite or None, and its evaluations, of which there may be none.

    Raises:
        FileNotFoundError: there is no such file.
        Exception: it is damaged.
    """
    stored = dictionary(read_json(file, within=file.parent), "the record")
    evaluations = [_measured(e, "an evaluation") for e in entries(stored.get("evaluations", []), "evaluations")]
    if "metrics" not in stored and evaluations:  # of a run that was not to be tested
        return {"evaluations": evaluations}
    return {**_measured(stored, "the record"), "evaluations": evaluations}


def _measured(node: Any, what: str) -> dict[str, Any]:
    """Return a record, or an evaluation, with finite metrics or None, and a protocol that can be read to people."""
    record = understood({k: v for k, v in dictionary(node, what).items() if k != "evaluations"})
    metrics, protocol = dictionary(record["metrics"], "metrics"), dictionary(record["protocol"], "protocol")
    readable(protocol)  # raises where a value is of another type
    counts = [record["seconds"], protocol.get("iteration", 0), *(v for k, v in protocol.items() if k.startswith("n_"))]
    if not all(is_number(count) for count in counts if not isinstance(count, dict)):
        raise FileError(f"has {what} with a count that is not a number")
    if not all(value is None or type(value) in (int, float) for value in metrics.values()):
        raise FileError(f"has {what} with a metric that is not a number")
    return {
        **record,
        "time": str(record.get("time", "")),
        "metrics": {str(name): value if is_number(value) else None for name, value in metrics.items()},
    }


def _curves(file: Path) -> Curves:
    check_file(file, LARGEST_CURVES, within=file.parent)
    finite = {}
    for name, (iterations, values) in read_metrics(file).items():
        points = [(x, y) for x, y in zip(iterations, values, strict=True) if is_number(x) and is_number(y)]
        if points:
            finite[name] = ([x for x, _ in points], [y for _, y in points])
    if len(finite) > MOST_CURVES:
        raise FileError(f"has {len(finite):,} metrics, more than {MOST_CURVES:,}")
    return finite


def _architecture(file: Path) -> Architecture:
    content = dictionary(read_json(file, within=file.parent), "the architecture")
    sizes = {name: int(network["parameters"]) for name, network in content["networks"].items()}
    details = {key: str(value) for key, value in readable(content["details"]).items()}
    return Architecture(printed_networks(content).rstrip(), sizes, details)


def _old_architecture(file: Path) -> Architecture:
    return Architecture(read_text(file, within=file.parent).rstrip(), {}, {})
