"""The record of a run: the files of its folder that hold its configuration, starts, metrics and failure."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from adversaria.config.errors import CheckpointError
from adversaria.config.loaded import LARGEST, check_file
from adversaria.config.renamed import renamed_protocol
from adversaria.runs.whole_files import replace_text

#: Files of a run folder.
CONFIG = "config.yaml"
METRICS = "metrics.json"
ARCHITECTURE = "architecture.json"
INVOCATION = "invocation.json"  # how the run was started and resumed: group choices and overrides
FAILURE = "failure.json"  # of a sweep's job: its overrides, and why it failed


def write_invocation(folder: Path, config: dict[str, Any], choices: dict[str, str], overrides: list[str]) -> None:
    """Save the resolved configuration, and append this invocation to the list of those that made the run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FAILURE).unlink(missing_ok=True)
    file = folder / INVOCATION
    history = read_json(file, [])
    history.append({"time": time.strftime("%Y-%m-%d %H:%M:%S"), "choices": choices, "overrides": overrides})
    replace_text(file, json.dumps(history, indent=2) + "\n")
    replace_text(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create(config)))


def write_failure(folder: Path, overrides: list[str], sentence: str) -> None:
    """Write why a sweep's job failed; the file is removed when the job starts again."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / FAILURE, json.dumps({"overrides": overrides, "error": sentence}, indent=2) + "\n")


def read_record(file: Path) -> dict[str, Any]:
    """Return what a metrics.json holds: `metrics` and `protocol` of a finished run, and `evaluations`.

    The keys of protocols are those of this version, whichever version wrote the file. Without a file the record is
    empty.

    Raises:
        CheckpointError: the file is damaged.
    """
    return understood(_stored(file))


def understood(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record of any version with the protocol keys of this one."""
    record = {**record}
    if "protocol" in record:
        record["protocol"] = renamed_protocol(record["protocol"])
    if "evaluations" in record:
        record["evaluations"] = [understood(evaluation) for evaluation in record["evaluations"]]
    return record


def _stored(file: Path) -> dict[str, Any]:
    try:
        record: dict[str, Any] = read_json(file, {})
    except (ValueError, RecursionError, OSError) as error:
        raise CheckpointError(f"{file} is damaged ({error}); move it away") from error
    if not isinstance(record, dict):
        raise CheckpointError(f"{file} is damaged (it is not a dictionary); move it away")
    return record


def write_record(file: Path, record: dict[str, Any]) -> None:
    """Write the record of a finished run; evaluations that were there stay."""
    kept = {k: v for k, v in _stored(file).items() if k == "evaluations"}
    replace_text(file, json.dumps({**record, **kept}, indent=2) + "\n")


def append_evaluation(file: Path, evaluation: dict[str, Any]) -> None:
    """Append to the evaluations of a metrics.json; all else in it stays."""
    record = _stored(file)
    record["evaluations"] = [*record.get("evaluations", []), evaluation]
    replace_text(file, json.dumps(record, indent=2) + "\n")


def read_json(file: Path, default: Any) -> Any:
    """Return what a JSON file holds, or the default if there is no such file."""
    if not file.exists():
        return default
    check_file(file, LARGEST)  # of a folder from elsewhere it may be a pipe, or without end
    return json.loads(file.read_text(encoding="utf-8"))


def measured(trainer: Any) -> dict[str, float]:
    """Return the test metrics by name."""
    return {k: float(v) for k, v in sorted(trainer.callback_metrics.items()) if k.startswith("test/")}


def record_of(trainer: Any, module: Any, **protocol: Any) -> dict[str, Any]:
    """Return the test metrics with their protocol: the given entries, the data's, and those of the callbacks.

    docs/protocol.md lists the keys; `adversaria.runs.wording` has what people read instead.
    """
    callbacks = {k: v for c in trainer.callbacks if hasattr(c, "protocol") for k, v in c.protocol().items()}
    data = trainer.datamodule.describe()
    data |= _tested(trainer, data)
    return {
        "metrics": {k: v if math.isfinite(v) else None for k, v in measured(trainer).items()},  # JSON has no NaN
        "protocol": {**module.started_from, **protocol, "iteration": module.iteration, **data, **callbacks},
    }


def _tested(trainer: Any, data: dict[str, Any]) -> dict[str, int]:
    """Return the number of images that were tested: `trainer.limit_test_batches` may leave some out."""
    split = trainer.datamodule.test_split
    images = sum(trainer.num_test_batches) * data["batch_size"] * trainer.world_size
    return {k: min(data[k], images) for k in (f"n_{split}", f"n_{split}_target") if k in data}
