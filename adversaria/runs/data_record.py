"""The data that a run is trained on, in data.json of its folder: a resumed run never goes on with other images."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

from adversaria.config.errors import DataError
from adversaria.runs.record import read_json, replace_text

log = logging.getLogger(__name__)
DATA = "data.json"
LISTED = 5000  # files at most that the record names one by one


def files_entry(fingerprint: Any) -> dict[str, Any]:
    """Return what the record has of the files that a reader's fingerprint has stamps of: name and size of each.

    Args:
        fingerprint: nested containers; `[name, size, time]` is a stamp. Times do not count: a copy has others.
    """
    names = sorted([name, size] for name, size in _stamps(fingerprint))
    digest = hashlib.blake2b(json.dumps(names).encode(), digest_size=8).hexdigest()
    return {"count": len(names), "digest": digest, **({"names": names} if len(names) <= LISTED else {})}


def _stamps(node: Any) -> list[tuple[str, int]]:
    if isinstance(node, dict):
        return [stamp for value in node.values() for stamp in _stamps(value)]
    if not isinstance(node, list | tuple):
        return []
    if len(node) == 3 and [type(part) for part in node] == [str, int, int]:
        return [(node[0], node[1])]
    return [stamp for item in node for stamp in _stamps(item)]


def check(folder: Path, found: dict[str, Any]) -> None:
    """Compare the data of a run with what its record says; without a record it is taken as it is.

    Args:
        folder: the run's.
        found: data set -> its entry, as data modules' `fingerprint` returns them.

    Raises:
        DataError: the splits have other images than before.
    """
    saved = read_json(folder / DATA, {})
    for name, entry in found.items():
        before = saved.get(name)
        if before is None or before["splits"] == entry["splits"]:
            continue
        said = _differences(before, entry)
        if said:
            raise DataError(
                f"the data of the run in {folder} has changed since it was started ({name}: {'; '.join(said)}), so "
                "the run could train on held-out images; restore the data, or start a new run without ckpt_path"
            )
        log.warning("%s: the same files are decoded to slightly different pixels than when the run was started", name)


def _differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Say what differs in files, or in numbers of images and labels; nothing where only the decoded pixels do."""
    splits = {split: (before["splits"].get(split), entry) for split, entry in now["splits"].items()}
    said = [
        f"{split} {then['n'] if then else 0} → {entry['n']} images"
        for split, (then, entry) in splits.items()
        if then is None or then["n"] != entry["n"]
    ]
    if not said:
        said = [
            f"other labels of {split}" for split, (then, entry) in splits.items() if then["labels"] != entry["labels"]
        ]
    if before["files"]["digest"] != now["files"]["digest"]:
        said += _of_files(before["files"], now["files"])
    elif not said and now["files"]["count"] == 0:
        said = [f"other images in {split}" for split, (then, entry) in splits.items() if then != entry]
    return said


def _of_files(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    if "names" not in before or "names" not in now:
        return [f"{before['count']} → {now['count']} files, or different ones"]
    then, today = (Counter(map(tuple, files["names"])) for files in (before, now))
    names = {name for name, _ in then}, {name for name, _ in today}
    kinds = {
        "new": sorted({name for name, _ in today - then if name not in names[0]}),
        "missing": sorted({name for name, _ in then - today if name not in names[1]}),
        "changed": sorted({name for name, _ in today - then if name in names[0]}),
    }
    return [
        f"{kind}: {', '.join(files[:3])}{', …' if len(files) > 3 else ''}" for kind, files in kinds.items() if files
    ]


def write(folder: Path, found: dict[str, Any]) -> None:
    """Write the record, unless there is one."""
    if not (folder / DATA).exists():
        replace_text(folder / DATA, json.dumps(found, indent=1) + "\n")


def digests(folder: Path) -> dict[str, str]:
    """Return data set -> digest of its files by name and size; of its pixels where it is in no files."""
    return {name: _digest(entry) for name, entry in read_json(folder / DATA, {}).items()}


def _digest(entry: dict[str, Any]) -> str:
    if entry["files"]["count"]:
        return str(entry["files"]["digest"])
    return hashlib.blake2b(json.dumps(entry["splits"], sort_keys=True).encode(), digest_size=8).hexdigest()
