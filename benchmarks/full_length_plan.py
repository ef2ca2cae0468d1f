"""The runs that full_length.yaml lists, and the files of the data sets that they need."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from adversaria.runs.record import METRICS, read_record

ROOT = Path(__file__).parents[1]
RECORDS = ROOT / "docs" / "results" / "records"
SETS = {  # file patterns below the data's folder
    "usps": ("usps*.bz2",),
    "mnist": ("MNIST/raw/*.gz",),
    "mnistm": ("mnist_m/*",),
    "svhn": ("svhn/*",),
    "celeba": ("celeba/*",),
}
LIST = "full_length.json"  # of the files that a packed data folder has when it is whole


@dataclass(frozen=True)
class Planned:
    """A run of the plan.

    Attributes:
        name: its folder below the folder of outputs.
        overrides: its command line.
        sets: the data sets that it reads.
        after: the run that has to be done first; empty for none.
        needs: a file or folder that has to be there; empty for none.
    """

    name: str
    overrides: list[str]
    sets: tuple[str, ...]
    after: str = ""
    needs: str = ""

    def folder(self, outputs: Path) -> Path:
        """Return the run folder."""
        return outputs / self.name

    def command(self, data: Path, outputs: Path) -> list[str]:
        """Return the arguments of train.py that start it, or go on with it."""
        root = [f"data.root={data}"] if self.sets else []  # the plan says where other data are
        return [*self.overrides, *root, f"hydra.run.dir={self.folder(outputs)}", "ckpt_path=auto"]

    def done(self, outputs: Path) -> bool:
        """Tell whether the run has been tested, its last step."""
        return "metrics" in read_record(self.folder(outputs) / METRICS)

    def ready(self, data: Path, outputs: Path) -> bool:
        """Tell whether its data have come whole, and what it needs is there."""
        if self.after and not Planned(self.after, [], ()).done(outputs):
            return False
        return Path(self.needs).exists() and all(_whole(data, name) for name in self.sets)


def read_plan(file: Path, match: str = "", records: Path = RECORDS) -> list[Planned]:
    """Return the runs of a plan that are wanted, in the plan's order.

    Args:
        file: the plan.
        match: a regular expression that their names have to contain.
        records: the folder of records; a run that has one is wanted only where another run needs its folder.
    """
    runs = [run for entry in yaml.safe_load(file.read_text(encoding="utf-8")) for run in _expanded(entry)]
    wanted = [run for run in runs if re.search(match, run.name) and not (records / f"{run.name}.json").exists()]
    needed = {run.after for run in wanted}
    return [run for run in runs if run in wanted or run.name in needed]


def _expanded(entry: Mapping[str, Any]) -> Iterator[Planned]:
    """Yield a run for each combination of the values; of a mapping, names have the key and commands the value."""
    variants = entry.get("for", {})
    for values in itertools.product(*variants.values()):
        chosen = dict(zip(variants, values, strict=True))
        given = {
            key: variants[key][value] if isinstance(variants[key], dict) else value for key, value in chosen.items()
        }
        overrides = shlex.split(entry["run"].format(**given))
        has_root = any(word.startswith(("data.root=", "data.source_root=")) for word in overrides)
        data = next(word.removeprefix("data=") for word in overrides if word.startswith("data="))
        sets = () if has_root else tuple(name for name in SETS if name in data.split("_"))
        yield Planned(entry["name"].format(**chosen), overrides, sets, entry.get("after", ""), entry.get("needs", ""))


def files_of(data: Path, name: str) -> dict[str, int]:
    """Return the files of a data set in a data folder, with their sizes in bytes."""
    found = sorted(file for pattern in SETS[name] for file in data.glob(pattern) if file.is_file())
    return {file.relative_to(data).as_posix(): file.stat().st_size for file in found}


def _whole(data: Path, name: str) -> bool:
    if not (listed := data / LIST).exists():
        return bool(files_of(data, name))
    wanted: dict[str, int] = json.loads(listed.read_text(encoding="utf-8"))["sets"][name]
    return wanted == files_of(data, name)
