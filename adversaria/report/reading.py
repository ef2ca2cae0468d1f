"""Read a run from its folder. What is missing or damaged is left out, with a sentence that says so."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from adversaria.config.renamed import renamed, renamed_choices
from adversaria.report.pictures import pictures_in
from adversaria.report.run import Architecture, Run, is_without_test
from adversaria.runs.architecture import printed_networks
from adversaria.runs.curves import Curves, read_metrics
from adversaria.runs.record import ARCHITECTURE, CONFIG, INVOCATION, METRICS, understood
from adversaria.runs.wording import readable

T = TypeVar("T")
OLD_ARCHITECTURE = "architecture.txt"  # all that version 0.1.0 wrote of the networks


def is_run(folder: Path) -> bool:
    """Say whether a folder is that of a run."""
    return (folder / CONFIG).is_file()


def find(folder: Path) -> list[Path]:
    """Find the run folders below a folder."""
    return [file.parent for file in folder.rglob(CONFIG) if (file.parent / INVOCATION).is_file()]


def read(folder: Path) -> Run:
    """Read a run folder."""
    missing: list[str] = []

    def part(name: str, reader: Callable[[Path], T], without: str, default: T) -> T:
        try:
            return reader(folder / name)
        except FileNotFoundError:
            missing.append(f"There is no {name}: {without}.")
        except Exception:  # whatever a damaged file makes its reader raise
            missing.append(f"{name} is damaged: {without}.")
        return default

    config: dict[str, Any] = part(CONFIG, _config, "the configuration is not known", {})
    untested = (
        "the run was not to be tested"
        if is_without_test(config)
        else "the run is not finished, or was stopped before its test"
    )
    record: dict[str, Any] = part(METRICS, _record, untested, {})
    old = (folder / OLD_ARCHITECTURE).exists() and not (folder / ARCHITECTURE).exists()
    networks = (OLD_ARCHITECTURE, _old_architecture) if old else (ARCHITECTURE, _architecture)
    run = Run(
        folder,
        config,
        part(INVOCATION, _starts, "command and date are not known", []),
        part("environment.json", _environment, "device, versions and commit are not known", {}),
        record,
        part("metrics.csv", _curves, "there are no learning curves", {}),
        part(*networks, "the networks are not shown", Architecture("", {}, {})),
        pictures_in(folder, missing),
        missing,
    )
    if record and run.status == "unfinished":
        tested = run.protocol["iteration"]
        missing.append(f"The test metrics are of iteration {tested:,}, but the run went on to {run.iteration:,}.")
    return run


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _config(file: Path) -> dict[str, Any]:
    config = yaml.load(_text(file), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # OmegaConf takes 10 × as long
    if not isinstance(config, dict) or "name" not in config:
        raise ValueError
    return {str(k): v for k, v in renamed(config).items()}


def _starts(file: Path) -> list[dict[str, Any]]:
    starts = json.loads(_text(file))
    if not starts:
        raise ValueError
    return [
        {"time": str(s["time"]), "choices": renamed_choices(s["choices"]), "overrides": list(s["overrides"])}
        for s in starts
    ]


def _environment(file: Path) -> dict[str, Any]:
    return dict(json.loads(_text(file))[-1])


def _record(file: Path) -> dict[str, Any]:
    record = json.loads(_text(file))
    numbers = (record["seconds"], record["protocol"]["iteration"], *record["metrics"].values())
    if not all(value is None or isinstance(value, int | float) for value in numbers):
        raise ValueError
    return understood(record)


def _curves(file: Path) -> Curves:
    finite = {}
    for name, (iterations, values) in read_metrics(file).items():
        points = [(x, y) for x, y in zip(iterations, values, strict=True) if math.isfinite(y)]
        if points:
            finite[name] = ([x for x, _ in points], [y for _, y in points])
    return finite


def _architecture(file: Path) -> Architecture:
    content = json.loads(_text(file))
    sizes = {name: int(network["parameters"]) for name, network in content["networks"].items()}
    details = {key: str(value) for key, value in readable(content["details"]).items()}
    return Architecture(printed_networks(content).rstrip(), sizes, details)


def _old_architecture(file: Path) -> Architecture:
    return Architecture(_text(file).rstrip(), {}, {})
