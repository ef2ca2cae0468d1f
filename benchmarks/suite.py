"""The parts of the suite: rows with targets, which are measured in rounds."""

from __future__ import annotations

import importlib
import os
import platform
import statistics
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

ROOT = Path(__file__).resolve().parents[1]
#: Section -> the module that has its `ROWS`.
SECTIONS = {
    "steps": "benchmarks.training_step",
    "settings": "benchmarks.settings",
    "loader": "benchmarks.data_path",
    "folder": "benchmarks.own_images",
    "start": "benchmarks.startup",
    "callbacks": "benchmarks.callback_cost",
    "memory": "benchmarks.memory",
    "cost": "benchmarks.cost",
    "growth": "benchmarks.growth",
    "peers": "benchmarks.peers",
    "cuda": "benchmarks.cuda",
}
PEERS = "ADVERSARIA_PEERS"  # environment variable: the folder with checkouts of other projects
T = TypeVar("T")


class Target(NamedTuple):
    """The bound of a row's median."""

    sign: Literal["≥", "≤"]
    bound: float

    def met(self, value: float) -> bool:
        """Return whether a value meets the target."""
        return value >= self.bound if self.sign == "≥" else value <= self.bound

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}"


def at_least(bound: float) -> Target:
    """Return the target of a row whose value should be large."""
    return Target("≥", bound)


def at_most(bound: float) -> Target:
    """Return the target of a row whose value should be small."""
    return Target("≤", bound)


class Skipped(Exception):
    """This machine lacks what a section needs."""


@dataclass
class Trial:
    """One round of a row.

    Attributes:
        round: its number, from 0.
        quick: whether sizes are as small as possible, to see that a row works and not to measure.
        notes: the values that a row's value was computed from, by name and unit; the table shows them below it.
    """

    round: int = 0
    quick: bool = False
    notes: dict[str, float] = field(default_factory=dict)

    def size(self, full: T, quick: T) -> T:
        """Return `quick` if this is a quick trial, else `full`."""
        return quick if self.quick else full

    def ratio(self, ours: Callable[[], float], theirs: Callable[[], float], names: tuple[str, str], unit: str) -> float:
        """Return the ratio of two measurements; their order alternates, so that drift favours neither."""
        pair = dict(zip(names, (ours, theirs), strict=True))
        order = list(pair)[:: -1 if self.round % 2 else 1]
        values = {name: pair[name]() for name in order}
        self.notes |= {f"{name}, {unit}": values[name] for name in names}
        return values[names[0]] / values[names[1]]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        what: what is measured, with its unit unless it is a ratio.
        measure: returns the value of one round. The rounds of a row share one process.
        target: bound of the median; None for a value without a target.
    """

    what: str
    measure: Callable[[Trial], float]
    target: Target | None = None


@dataclass
class Result:
    """The values of a row's rounds, or the problem that prevented them."""

    what: str
    target: Target | None
    values: list[float] = field(default_factory=list)
    notes: dict[str, list[float]] = field(default_factory=dict)
    problem: str | None = None
    skipped: bool = False

    def lines(self) -> list[tuple[str, str, str, str, str]]:
        """Return the cells of its lines in the table: its own, and one for each note."""
        target = "" if self.target is None else str(self.target)
        if self.problem is not None:
            return [(self.what, self.problem, "", target, "" if self.skipped else "failed")]
        met = "" if self.target is None else ("yes" if self.target.met(statistics.median(self.values)) else "no")
        own = (self.what, *_summary(self.values), target, met)
        return [own, *((f"↳ {name}", *_summary(values), "", "") for name, values in self.notes.items())]


def _summary(values: list[float]) -> tuple[str, str]:
    """Return median and interquartile range."""
    quartiles = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    low, middle, high = (f"{value:.4g}" for value in quartiles)
    return middle, f"{low} to {high}"


def rows_of(section: str) -> list[Row]:
    """Return the rows of a section."""
    rows: list[Row] = importlib.import_module(SECTIONS[section]).ROWS
    return rows


def measure(section: str, what: str, rounds: int, quick: bool) -> Result:
    """Measure a row in this process, with progress on stderr."""
    row = next(row for row in rows_of(section) if row.what == what)
    result = Result(row.what, row.target)
    try:
        for number in range(rounds):
            trial = Trial(number, quick)
            result.values.append(row.measure(trial))
            for name, value in trial.notes.items():
                result.notes.setdefault(name, []).append(value)
            print(f"  round {number + 1}/{rounds}  {result.values[-1]:.4g}", file=sys.stderr, flush=True)
    except Skipped as reason:
        result.problem, result.skipped = f"{reason}: skipped", True
    except Exception as error:  # one broken row must not end a suite of hours
        traceback.print_exc()
        result.problem = f"{type(error).__name__}: {error}".splitlines()[0]
    return result


def page(heading: str, results: Mapping[str, Iterable[Result]]) -> str:
    """Return the Markdown of sections of results."""
    lines = [heading, ""]
    lines += ["| what | median | spread | target | met |", "|---|---|---|---|---|"]
    for section, measured in results.items():
        lines.append(f"| **{section}** | | | | |")
        lines += ["| " + " | ".join(cells) + " |" for result in measured for cells in result.lines()]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Describe this machine: processor, cores, memory, load and versions."""
    model = platform.processor() or platform.machine()
    if (file := Path("/proc/cpuinfo")).exists():
        names = [
            line.split(":")[1].strip()
            for line in file.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    threads = os.environ.get("OMP_NUM_THREADS")
    return (
        f"{model}, {os.cpu_count()} cores{f', OMP_NUM_THREADS={threads}' if threads else ''}, {memory:.0f} GiB, "
        f"load average {os.getloadavg()[0]:.1f} at the start; {platform.system()}, "
        f"Python {platform.python_version()}, torch {version('torch')}, Lightning {version('pytorch-lightning')}"
    )
