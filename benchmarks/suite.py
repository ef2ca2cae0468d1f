"""What the suite is made of: rows with targets, each measured round by round in a process of its own."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import platform
import statistics
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

ROOT = Path(__file__).resolve().parents[1]
#: Section -> the module that has its `ROWS`.
SECTIONS = {
    "steps": "benchmarks.training_step",
    "settings": "benchmarks.settings",
    "loader": "benchmarks.data_path",
    "start": "benchmarks.startup",
    "callbacks": "benchmarks.callback_cost",
    "memory": "benchmarks.memory",
    "growth": "benchmarks.growth",
    "cuda": "benchmarks.cuda",
}
T = TypeVar("T")


class Target(NamedTuple):
    """The bound of a row's median."""

    sign: Literal["≥", "≤"]
    bound: float

    def met(self, value: float) -> bool:
        """Tell whether a value keeps to it."""
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
    """What a section needs is not on this machine."""


@dataclass
class Trial:
    """One round of a row.

    Attributes:
        round: its number, from 0.
        quick: whether sizes are to be as small as they can be: to see that a row works, not to measure.
        notes: figures that a row's value was made of, by name and unit; the table shows them below it.
    """

    round: int = 0
    quick: bool = False
    notes: dict[str, float] = field(default_factory=dict)

    def size(self, full: T, quick: T) -> T:
        """Return one of two sizes."""
        return quick if self.quick else full

    def ratio(self, ours: Callable[[], float], theirs: Callable[[], float], names: tuple[str, str], unit: str) -> float:
        """Measure both, the second first in every other round, so that a drift favours neither; note both."""
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
        target: bound of the median; None for a figure that only informs.
    """

    what: str
    measure: Callable[[Trial], float]
    target: Target | None = None


@dataclass
class Result:
    """The values of a row's rounds, or what kept it from being measured."""

    what: str
    target: Target | None
    values: list[float] = field(default_factory=list)
    notes: dict[str, list[float]] = field(default_factory=dict)
    problem: str | None = None
    skipped: bool = False

    def lines(self) -> list[tuple[str, str, str, str, str]]:
        """Return the cells of its lines: its own, and one a note."""
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


def fresh(function: Callable[..., T], *arguments: Any) -> T:
    """Call an importable function in a process of its own: an allocator's settings and its memory end with it."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        value, error = receiver.recv()
    except EOFError:  # killed, as when memory runs out
        process.join()
        value, error = None, RuntimeError(f"the process of {function.__name__} died with {process.exitcode}")
    process.join()
    if error is not None:
        raise error
    answer: T = value
    return answer


def _answer(sender: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        sender.send((function(*arguments), None))
    except Exception as error:
        traceback.print_exc()
        sender.send((None, RuntimeError(f"{type(error).__name__}: {error}")))


def measure(section: str, what: str, rounds: int, quick: bool) -> Result:
    """Measure a row in this process, and say on stderr how far it is."""
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
    except Exception as error:  # one broken row must not cost the others, hours into the suite
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
    """Return a sentence on processor, cores, memory, versions and what else is running."""
    model = platform.processor() or platform.machine()
    if (file := Path("/proc/cpuinfo")).exists():
        names = [line.split(":")[1].strip() for line in file.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    threads = os.environ.get("OMP_NUM_THREADS")
    return (
        f"{model}, {os.cpu_count()} cores{f', OMP_NUM_THREADS={threads}' if threads else ''}, {memory:.0f} GiB, "
        f"load average {os.getloadavg()[0]:.1f} at the start; {platform.system()}, "
        f"Python {platform.python_version()}, torch {version('torch')}, Lightning {version('pytorch-lightning')}"
    )
