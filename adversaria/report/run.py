"""A run as its folder tells it. What is missing or damaged is left out, with a sentence that says so."""

from __future__ import annotations

import json
import math
import re
import shlex
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import yaml
from PIL import Image

from adversaria.config.renamed import renamed, renamed_choices
from adversaria.runs.curves import Curves, read_metrics
from adversaria.runs.record import CONFIG, INVOCATION, METRICS

T = TypeVar("T")

KINDS = {  # of figures, in the order of a report: title and caption
    "samples": ("Samples", "from fixed noise"),
    "evolution": ("Evolution of the samples", "from the same noise after each epoch"),
    "labels": ("Same noise, other label", "a column has one noise vector, a row one label"),
    "reconstructions": ("Reconstructions", "test images over their reconstructions, with the MSE of each"),
    "interpolation": ("Interpolations", "each row a walk between two noise vectors"),
    "tsne": ("t-SNE of test latents", "a point an image, one panel an attribute"),
    "domains": ("t-SNE of test features", "of source and target, by class and by domain"),
    "confusion": ("Confusion matrix", "of the target's test images"),
}
MAIN = {  # what an index shows of the test metrics: heading -> the first metric that matches
    "MSE in (-1, 1)": r"mse_pm1",
    "FID": r"fid_(?!.*_floor$).*",
    "KID": r"kid_(?!.*_floor$).*",
    "label accuracy": r"label_accuracy_(?!real|fake)[^/]*",
    "accuracy": r"accuracy",
}


@dataclass(frozen=True)
class Figure:
    """A picture of a run; `kind` is its file's name without the iteration, which the GIF does not have."""

    kind: str
    iteration: int | None
    file: Path
    size: tuple[int, int]

    @property
    def title(self) -> str:
        """What it shows."""
        return KINDS.get(self.kind, (self.kind.replace("_", " "), ""))[0]

    @property
    def caption(self) -> str:
        """How to read it."""
        when = "" if self.iteration is None else f"iteration {self.iteration:,}"
        return ", ".join(filter(None, (KINDS.get(self.kind, ("", ""))[1], when)))


@dataclass(frozen=True)
class Run:
    """What a run folder has.

    Attributes:
        folder: where it is.
        config: config.yaml.
        starts: invocation.json: time, choices and overrides of each start.
        environment: of the last start, from environment.json.
        record: metrics.json, empty while there is none.
        curves: metrics.csv.
        architecture: the printed networks.
        details: the implementation details below them.
        figures: the last of each kind, in the order of a report.
        missing: a sentence on each part that is not there.
    """

    folder: Path
    config: dict[str, Any]
    starts: list[dict[str, Any]]
    environment: dict[str, Any]
    record: dict[str, Any]
    curves: Curves
    architecture: str
    details: dict[str, str]
    figures: list[Figure]
    missing: list[str]

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return str(self.config.get("name", self.folder.name))

    @property
    def date(self) -> str:
        """When it was first started."""
        return str(self.starts[0]["time"]) if self.starts else ""

    @property
    def commands(self) -> list[str]:
        """The command lines that made it."""
        return [shlex.join(["python", "train.py", *start["overrides"]]) for start in self.starts]

    def setting(self, key: str, default: Any = None) -> Any:
        """A value of the configuration, by its dotted key."""
        node: Any = self.config
        for part in key.split("."):
            node = node.get(part) if isinstance(node, dict) else None
        return default if node is None else node

    def choice(self, group: str) -> str:
        """What it chose of a group: `run.choice("model")` is `vae`."""
        return str(self.starts[0]["choices"].get(group) or "") if self.starts else ""

    @property
    def commit(self) -> str:
        """Commit of the code, shortened."""
        dirty = ", with uncommitted changes" if self.environment.get("git_dirty") else ""
        commit = self.environment.get("git_commit")
        return f"{commit[:10]}{dirty}" if commit else ""

    @cached_property
    def metrics(self) -> dict[str, float | None]:
        """The test metrics, without `test/`; None where a value is not finite."""
        return {name.removeprefix("test/"): value for name, value in self.record.get("metrics", {}).items()}

    @property
    def protocol(self) -> dict[str, Any]:
        """How they were measured."""
        return self.record.get("protocol", {})

    @property
    def minutes(self) -> int | None:
        """How long it took, over all its attempts, its test included, at least one."""
        return max(1, round(self.record["seconds"] / 60)) if self.record else None

    @cached_property
    def iteration(self) -> int:
        """The last that was logged."""
        return max((iterations[-1] for iterations, _ in self.curves.values()), default=0)

    @property
    def _epoch_ends(self) -> list[int]:
        return self.curves.get("perf/images_per_second", ([], []))[0]

    @property
    def epochs(self) -> str:
        """Epochs done, and asked for if these are not all."""
        asked, done = self.setting("trainer.max_epochs", 0), len(self._epoch_ends)
        return f"{done} of {asked}" if self.status != "finished" and done < asked else str(done or asked)

    @property
    def status(self) -> str:
        """`finished` when it was tested, and did not go on since."""
        if self.config.get("test", "last") is None:
            return "not tested"
        tested = self.protocol.get("iteration", 0)
        went_on = self.protocol.get("weights") == "last" and any(end > tested for end in self._epoch_ends)
        return "finished" if self.metrics and not went_on else "unfinished"

    @cached_property
    def main(self) -> dict[str, tuple[str, float | None]]:
        """The metrics of an index: heading -> name and value."""
        found = {h: next((m for m in self.metrics if re.fullmatch(pattern, m)), None) for h, pattern in MAIN.items()}
        return {heading: (name, self.metrics[name]) for heading, name in found.items() if name}

    @property
    def panels(self) -> dict[str, list[str]]:
        """The learning curves of its method: title -> metrics, of those that were logged."""
        panels = self.setting("callbacks.curves.panels", {}).items()
        logged = {title: [metric for metric in metrics if metric in self.curves] for title, metrics in panels}
        return {title: metrics for title, metrics in logged.items() if metrics}

    @property
    def other_panels(self) -> dict[str, list[str]]:
        """The rest of what was logged: one panel a quantity, its stages together."""
        shown = {metric for metrics in self.panels.values() for metric in metrics}
        rest = sorted((m for m in self.curves if m not in shown and not m.startswith("test/")), key=_quantity)
        return {title: list(metrics) for title, metrics in groupby(rest, key=_quantity)}

    @property
    def sizes(self) -> str:
        """The trainable parameters of each network."""
        counts = re.findall(r"^(\w+): ([\d,]+) trainable parameters$", self.architecture, re.MULTILINE)
        return ", ".join(f"{network} {size}" for network, size in counts)

    @property
    def printed_curves(self) -> Path | None:
        """The picture of its learning curves, for where they cannot be drawn."""
        return max((self.folder / "figures").glob("curves_*.png"), default=None)

    @property
    def smoothing(self) -> float:
        """Weight of the past in the moving average of its curves."""
        return float(self.setting("callbacks.curves.smoothing", 0.9))


def _quantity(metric: str) -> str:
    return metric.partition("/")[2] or metric


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
        except Exception:  # whatever a damaged file makes its reader stumble over
            missing.append(f"{name} is damaged: {without}.")
        return default

    config: dict[str, Any] = part(CONFIG, _config, "the configuration is not known", {})
    untested = (
        "the run was not to be tested"
        if config.get("test", "last") is None
        else "the run is not finished, or was stopped before its test"
    )
    record: dict[str, Any] = part(METRICS, _record, untested, {})
    networks: tuple[str, dict[str, str]] = ("", {})
    run = Run(
        folder,
        config,
        part(INVOCATION, _starts, "command and date are not known", []),
        part("environment.json", _environment, "device, versions and commit are not known", {}),
        record,
        part("metrics.csv", _curves, "there are no learning curves", {}),
        *part("architecture.txt", _architecture, "the networks are not shown", networks),
        _figures(folder, missing),
        missing,
    )
    if record and run.status == "unfinished":
        tested = run.protocol["iteration"]
        missing.append(f"The test metrics are of iteration {tested:,}, but the run went on to {run.iteration:,}.")
    return run


def _config(file: Path) -> dict[str, Any]:
    config = yaml.load(file.read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # OmegaConf takes 10 × as long
    if not isinstance(config, dict) or "name" not in config:
        raise ValueError
    return {str(k): v for k, v in renamed(config).items()}


def _starts(file: Path) -> list[dict[str, Any]]:
    starts = json.loads(file.read_text())
    if not starts:
        raise ValueError
    return [
        {"time": str(s["time"]), "choices": renamed_choices(s["choices"]), "overrides": list(s["overrides"])}
        for s in starts
    ]


def _environment(file: Path) -> dict[str, Any]:
    return dict(json.loads(file.read_text())[-1])


def _record(file: Path) -> dict[str, Any]:
    record = json.loads(file.read_text())
    numbers = (record["seconds"], record["protocol"]["iteration"], *record["metrics"].values())
    if not all(value is None or isinstance(value, int | float) for value in numbers):
        raise ValueError
    return dict(record)


def _curves(file: Path) -> Curves:
    finite = {}
    for name, (iterations, values) in read_metrics(file).items():
        points = [(x, y) for x, y in zip(iterations, values, strict=True) if math.isfinite(y)]
        if points:
            finite[name] = ([x for x, _ in points], [y for _, y in points])
    return finite


def _architecture(file: Path) -> tuple[str, dict[str, str]]:
    networks, _, details = file.read_text().partition("Implementation details\n")
    return networks.rstrip(), dict(re.findall(r"^  (.+?)  +(.*)$", details, re.MULTILINE))


def _figures(folder: Path, missing: list[str]) -> list[Figure]:
    """Return the last good picture of each kind, all of both domains' features; curves are drawn anew instead."""
    found: dict[str, Figure] = {}
    for file in sorted((folder / "figures").glob("*"), reverse=True):
        match = re.fullmatch(r"(.+)_(\d+)\.png|samples\.gif", file.name)
        if not match:
            continue
        kind = match[1] or "evolution"
        key = file.name if kind == "domains" else kind
        if key in found or kind == "curves":
            continue
        try:
            with Image.open(file) as picture:
                picture.seek(getattr(picture, "n_frames", 1) - 1)
                picture.load()
                found[key] = Figure(kind, int(match[2]) if match[2] else None, file, picture.size)
        except (OSError, SyntaxError, EOFError):  # Pillow's words for a file that was cut short
            missing.append(f"figures/{file.name} is damaged: it is left out.")
    order = list(KINDS)
    return sorted(
        found.values(), key=lambda f: (order.index(f.kind) if f.kind in order else len(order), f.kind, f.iteration or 0)
    )


def labels(runs: list[Run]) -> list[str]:
    """Name runs so that each can be told from the others: with the folder where names repeat, or numbered."""
    names = [run.name for run in runs]
    short = [re.sub(r"^[\d-]+_[\d-]+_", "", run.folder.name) for run in runs]  # without the time
    names = [f"{n} · {s}" if names.count(n) > 1 else n for n, s in zip(names, short, strict=True)]
    seen: Counter[str] = Counter()
    for i, name in enumerate(names):
        seen[name] += 1
        names[i] = f"{name} ({seen[name]})" if seen[name] > 1 else name
    return names
