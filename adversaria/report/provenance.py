"""How the runs behind a table were made: code, devices, and what their protocols have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adversaria.runs.wording import label, written

Record = dict[str, Any]
Records = dict[str, Record]  # by the name of the run: its path in the folder of records, without suffix


def device_of(record: Record) -> str:
    """Return the device of a run in few words."""
    kind, _, name = record["device"].partition(" (")
    threads = record.get("threads", 1)
    if kind == "cpu":
        return f"CPU, {threads} {'thread' if threads == 1 else 'threads'}"
    return name.removesuffix(")") or kind


def epochs_of(record: Record) -> float | None:
    """Return the epochs of a run, of older records as far as its iterations tell."""
    protocol = record["protocol"]
    if "epochs" in record or not {"iteration", "batch_size", "n_train"} <= protocol.keys():
        return record.get("epochs")
    return float(protocol["iteration"] * protocol["batch_size"] / protocol["n_train"])


def provenance(runs: Records, facts: Iterable[str] = ()) -> str:
    """Return lines of Markdown: what is the same for all runs, and with which code on which devices they were made."""
    if not runs:
        return ""
    commits = sorted({run["commit"][:7] for run in runs.values()})
    devices = sorted({device_of(run) for run in runs.values()})
    count = f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}"
    lines = [*facts, f"{count}, made with {', '.join(commits)} on {'; '.join(devices)}."]
    return "\n" + "".join(f"- {line}\n" for line in lines)


def common(runs: Iterable[Record], keys: Iterable[str]) -> list[str]:
    """Return a sentence with the values that keys of protocols have in these runs, several where they differ."""
    protocols = [run["protocol"] for run in runs]
    said = []
    for key in keys:
        values = dict.fromkeys(_text(written(key, p[key])) for p in protocols if key in p)
        said += [f"{label(key)}: {' or '.join(values)}"] if values else []
    return [f"{'; '.join(said)[:1].upper()}{'; '.join(said)[1:]}."] if said else []


def extractors(runs: Iterable[Record]) -> list[str]:
    """Return a sentence on the network whose features were compared."""
    found: dict[str, Mapping[str, Any]] = {
        p["extractor_digest"]: p for r in runs if "extractor" in (p := r["protocol"])
    }
    return [
        f"Features of {p['extractor']}, digest {digest}"
        + (f", whose test accuracy is {p['extractor_accuracy']:.3f}." if "extractor_accuracy" in p else ".")
        for digest, p in found.items()
    ]


def _text(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
