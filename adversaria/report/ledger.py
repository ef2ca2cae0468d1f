"""The ledger: a small record of each run behind a value in the docs, and the tables that are rendered from them.

A record is one JSON file of a few kB under docs/results/records/, named after the run: command, commit, device,
minutes, protocol and metrics. In a page, everything between `<!-- records: NAME -->` and `<!-- end -->` is rendered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adversaria.config.errors import CheckpointError
from adversaria.report import blocks
from adversaria.report.provenance import Records
from adversaria.runs.record import METRICS, read_json, read_record, replace_text

ENVIRONMENT = "environment.json"
FROM_RECORD = ("epochs", "data_digests")
FROM_ENVIRONMENT = ("device", "processes", "threads", "precision", "torch", "pytorch-lightning")
BLOCK = re.compile(r"(<!-- records: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def record_of(folder: Path, commit: str | None = None) -> dict[str, Any]:
    """Return the record of a finished run from its folder.

    Args:
        folder: the run folder; of its files only metrics.json and environment.json are needed.
        commit: of the code that made the run, where that was in no git checkout.

    Raises:
        CheckpointError: the run has not ended, or does not say with which code it was made.
    """
    record, starts = read_record(folder / METRICS), read_json(folder / ENVIRONMENT, [])
    if "metrics" not in record or not starts:
        raise CheckpointError(f"{folder} has no finished run: it needs {METRICS} and {ENVIRONMENT}")
    first = starts[0]
    if any(start.get("git_dirty") for start in starts):
        raise CheckpointError(f"{folder}: the run was made from a checkout with changes; commit them and run it again")
    commit = first.get("git_commit") or commit
    if not commit:
        raise CheckpointError(f"{folder}: the run was made from code in no git checkout; name its commit with --commit")
    return {
        "command": " ".join(["python", *(_portable(word) for word in first["command"])]),
        "commit": commit,
        "starts": len(starts),
        **{key: first[key] for key in FROM_ENVIRONMENT if key in first},
        "minutes": round(record["seconds"] / 60, 1),
        **{key: record[key] for key in FROM_RECORD if key in record},
        "protocol": record["protocol"],
        "metrics": _rounded(record["metrics"]),
        **_evaluations(record),
    }


def _rounded(metrics: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: value if value is None else round(value, 6) for name, value in metrics.items()}


def _evaluations(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was measured later, each with the part of its protocol that the run's does not have."""
    protocol = record["protocol"]
    found = [
        {
            "protocol": {k: v for k, v in later["protocol"].items() if protocol.get(k) != v},
            "metrics": _rounded(later["metrics"]),
        }
        for later in record.get("evaluations", [])
    ]
    return {"evaluations": found} if found else {}


def _portable(word: str) -> str:
    """Return a word of a command line without a path of this machine."""
    key, equals, value = word.rpartition("=")
    if Path(value).is_absolute():
        value = "PATH" if equals else Path(value).name
    return f"{key}{equals}{value}"


def write(records: Path, folder: Path, commit: str | None = None) -> Path:
    """Write the record of a run folder below `records`, at the folder's place below `outputs`; return the file.

    Args and errors are those of `record_of`.
    """
    parts = folder.resolve().parts
    place = parts[len(parts) - parts[::-1].index("outputs") :] if "outputs" in parts else parts[-1:]
    file = records.joinpath(*place[:-1], f"{place[-1]}.json")
    content = record_of(folder, commit)
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_text(file, json.dumps(content, indent=1) + "\n")
    return file


def read(records: Path) -> Records:
    """Read all records below a folder."""
    files = sorted(records.rglob("*.json"))
    return {file.relative_to(records).with_suffix("").as_posix(): read_json(file, {}) for file in files}


def rendered(page: str, records: Records) -> str:
    """Return a page with its blocks rendered from the records.

    Raises:
        ConfigError: a block has a name that is not known to `adversaria.report.blocks`.
    """

    def block(match: re.Match[str]) -> str:
        return f"{match[1]}{blocks.rendered(match[2], records)}{match[3]}"

    return BLOCK.sub(block, page)
