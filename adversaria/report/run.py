"""A run as pages and tables show it; `adversaria.report.reading` reads it from its folder."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

from adversaria.report.pictures import Picture
from adversaria.report.values import is_number
from adversaria.runs.curves import SMOOTHING, Curves
from adversaria.runs.metric_wording import in_order

LONGEST_NAME = 200  # letters of a run's name on a page
MOST_PANELS = 50
HEADINGS = {"mse_pm1": "MSE in (-1, 1)", "fid_inception": "FID", "kid_inception": "KID"}
#: What an index shows of the test metrics, with its name, which says the extractor, if it has no heading above.
MAIN = r"mse_pm1|(fid|kid)_.*(?<!_floor)(?<!_mixture)|label_accuracy_(?!real$|fake$)[^/]*(?<!_floor)|accuracy"


@dataclass(frozen=True)
class Architecture:
    """The networks of a run, for people.

    Attributes:
        printed: as PyTorch prints them.
        sizes: network -> number of trainable parameters.
        details: implementation details by label.
    """

    printed: str
    sizes: dict[str, int]
    details: dict[str, str]


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
        architecture: architecture.json; architecture.txt of version 0.1.0.
        pictures: the last of each kind, in the order of a report.
        missing: a sentence on each part that is not there.
        damaged: those about a file that the status depends on.
        failure: why its last start failed.
    """

    folder: Path
    config: dict[str, Any]
    starts: list[dict[str, Any]]
    environment: dict[str, Any]
    record: dict[str, Any]
    curves: Curves
    architecture: Architecture
    pictures: list[Picture]
    missing: list[str]
    damaged: list[str]
    failure: str | None = None

    @property
    def name(self) -> str:
        """Name of the experiment."""
        return " ".join(str(self.config.get("name", self.folder.name)).split())[:LONGEST_NAME]

    @property
    def date(self) -> str:
        """Time of the first start."""
        return str(self.starts[0]["time"]) if self.starts else ""

    @property
    def commands(self) -> list[str]:
        """The command lines of its starts."""
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
        """How they were measured, by key."""
        return self.record.get("protocol", {})

    @property
    def evaluations(self) -> list[dict[str, Any]]:
        """What evaluate.py has measured since: each with its time, metrics and protocol."""
        return [
            {**e, "metrics": {name.removeprefix("test/"): value for name, value in e["metrics"].items()}}
            for e in self.record.get("evaluations", [])
        ]

    @property
    def minutes(self) -> int | None:
        """Minutes of all attempts, with the test; at least 1."""
        return max(1, round(self.record["seconds"] / 60)) if "seconds" in self.record else None

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
        asked = asked if is_number(asked) else 0
        return f"{done} of {asked}" if self.status != "finished" and done < asked else str(done or asked)

    @property
    def status(self) -> str:
        """`finished` if tested and not trained further; else `unfinished`, or `not_tested` by its wish; `failed` if its
        last start ended with an error; `damaged` if a file that it depends on is.
        """
        if self.damaged or self.failure:
            return "damaged" if self.damaged else "failed"
        if is_without_test(self.config):
            return "not_tested"
        tested = self.protocol.get("iteration", 0)
        went_on = self.protocol.get("weights") == "last" and any(end > tested for end in self._epoch_ends)
        return "finished" if self.metrics and not went_on else "unfinished"

    @cached_property
    def main(self) -> dict[str, tuple[str, float | None]]:
        """The metrics of an index: heading -> name and value."""
        found = [name for name in in_order(self.metrics) if re.fullmatch(MAIN, name)]
        return {HEADINGS.get(name, name): (name, self.metrics[name]) for name in found}

    @property
    def panels(self) -> dict[str, list[str]]:
        """The learning curves of its method: title -> metrics, of those that were logged."""
        asked = self.setting("callbacks.curves.panels", {})
        panels = {str(t): m for t, m in asked.items() if isinstance(m, list)} if isinstance(asked, dict) else {}
        logged = {
            title: list(dict.fromkeys(m for m in metrics if isinstance(m, str) and m in self.curves))
            for title, metrics in list(panels.items())[:MOST_PANELS]
        }
        return {title: metrics for title, metrics in logged.items() if metrics}

    @property
    def other_panels(self) -> dict[str, list[str]]:
        """The rest of what was logged: one panel a quantity, its stages together."""
        drawn = {metric for metrics in self.panels.values() for metric in metrics}
        rest = sorted((m for m in self.curves if m not in drawn and not m.startswith("test/")), key=_quantity)
        return {title: list(metrics) for title, metrics in groupby(rest, key=_quantity)}

    @property
    def printed_curves(self) -> Path | None:
        """The picture of its learning curves, for where they cannot be drawn."""
        return max(filter(Path.is_file, (self.folder / "figures").glob("curves_*.png")), default=None)

    @property
    def smoothing(self) -> float:
        """Weight of the past in the moving average of its curves."""
        asked = self.setting("callbacks.curves.smoothing", SMOOTHING)
        return float(asked) if is_number(asked) and 0 <= asked < 1 else SMOOTHING


def is_without_test(config: dict[str, Any]) -> bool:
    """Say whether the configuration of a run asks for no test."""
    return "test" in config and config["test"] is None


def _quantity(metric: str) -> str:
    return metric.partition("/")[2] or metric
