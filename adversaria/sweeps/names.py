"""How the folders of a sweep and of its jobs are named."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datamodules.domains import domain_names

PAGE = "summary.html"  # in the folder of a sweep
LONGEST = 120  # bytes of a folder's name, of the 255 that file systems allow


def sweep_folder(output_root: str, swept: Sequence[str], fixed: Sequence[str]) -> str:
    """Name a sweep by the keys that are swept and a digest of them and all that is fixed.

    The values that are swept do not count: the same command, also with more of them, goes on where it was stopped.
    """
    digest = hashlib.sha256("\n".join([*sorted(fixed), *sorted(swept)]).encode()).hexdigest()[:6]
    return str(Path(output_root) / "sweeps" / _cut("_".join([*shortest(sorted(swept)), digest])))


def job_name(overrides: Sequence[str], fixed: Sequence[str], number: int) -> str:
    """Name a job by its overrides but for the fixed keys: `lambda_kl=1e-05,seed=1`; by its number if none is left."""
    pairs = [override.lstrip("+").partition("=") for override in overrides]
    pairs = [pair for pair in pairs if pair[0] not in fixed]
    names = shortest([key for key, _, _ in pairs])
    values = [value for _, _, value in pairs]
    text = _plain(",".join(f"{name}={value}" for name, value in zip(names, values, strict=True)))
    if any(_plain(value) != value for value in values):  # `a b` and `a-b` are two folders
        text += "_" + hashlib.sha256("\n".join(values).encode()).hexdigest()[:6]
    return _cut(text) or str(number)


def scenario(choice: str, data: Mapping[str, Any]) -> str:
    """Name the pair of domains of a job: its choice of conf/data, or the names of its two folders."""
    return _cut(_plain("_".join(domain_names(data).values()))) if "target_root" in data else choice


def shortest(keys: Sequence[str]) -> list[str]:
    """Cut dotted keys to the shortest ends that tell them apart."""

    split = [key.lstrip("+").replace("/", ".").split(".") for key in keys]
    found = []
    for key in split:
        parts = 1
        while parts < len(key) and sum(other[-parts:] == key[-parts:] for other in split) > 1:
            parts += 1
        found.append(".".join(key[-parts:]))
    return found


def _plain(text: str) -> str:
    """Replace the characters that a folder's name should not have."""
    return "".join(c if c.isalnum() or c in "._-+=,[]" else "-" for c in text)


def _cut(name: str) -> str:
    """Keep a name within `LONGEST` bytes, and different names different."""
    if len(name.encode()) <= LONGEST:
        return name
    return name.encode()[: LONGEST - 9].decode(errors="ignore") + "_" + hashlib.sha256(name.encode()).hexdigest()[:8]
