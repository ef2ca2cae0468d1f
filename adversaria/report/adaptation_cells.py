"""The cells of a table of domain adaptation: systems × scenarios, each with the runs of all its seeds."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adversaria.report import tables
from adversaria.report.reading import measured_in
from adversaria.report.values import is_number, reason_of

log = logging.getLogger(__name__)

FLOOR, CEILING = "source_only", "target_only"
ORDER = (FLOOR, "dann", "adda", "dsn", "adamatch")  # of rows; others follow


@dataclass(frozen=True)
class Cell:
    """The runs of one system on one scenario.

    Attributes:
        accuracy: on the target's test images, after the last epoch, of each seed.
        oracle: the same of the best epoch by those images' labels.
        minutes: of each run.
        protocols: of each run.
    """

    accuracy: list[float]
    oracle: list[float]
    minutes: list[float]
    protocols: list[dict[str, Any]]

    @property
    def protocol(self) -> dict[str, Any]:
        """The protocol of the first run."""
        return self.protocols[0]

    def all_of(self, *keys: str) -> list[tuple[Any, ...]]:
        """Return the different values that some keys of the protocols have together."""
        return list(dict.fromkeys(tuple(protocol.get(key) for key in keys) for protocol in self.protocols))

    def __str__(self) -> str:
        return tables.spread(self.accuracy, ".3f", ".3f")


Cells = dict[tuple[str, str], Cell]  # by system and scenario
Reported = Mapping[str, Mapping[str, Any]]  # by scenario, and by system or `public`


def read_cells(folder: Path) -> Cells:
    """Read the finished runs of `<folder>/<system>/<scenario>/seed_<n>/`."""
    found = []
    for file in sorted(folder.glob("*/*/seed_*/metrics.json")):
        try:
            found.append((file.parts[-4], file.parts[-3], measured_in(file)))
        except Exception as error:  # whatever a damaged file makes its reader raise
            log.warning("%s is damaged and left out: %s", file, reason_of(error))
    return cells_of(found)


def cells_of(records: Iterable[tuple[str, str, dict[str, Any]]]) -> Cells:
    """Join the records (metrics.json) of runs, each with its system and its scenario."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for system, scenario, record in records:
        accuracy = record.get("metrics", {}).get("test/accuracy")  # none of a run that was only evaluated
        if accuracy is not None and is_number(record["protocol"].get("n_test_target")):
            found.setdefault((system, scenario), []).append(record)
    return {
        key: Cell(
            [run["metrics"]["test/accuracy"] for run in runs],
            [
                run["metrics"]["test/accuracy_oracle"]
                for run in runs
                if run["metrics"].get("test/accuracy_oracle") is not None
            ],
            [run["seconds"] / 60 for run in runs],
            [run["protocol"] for run in runs],
        )
        for key, runs in found.items()
    }


def gap_closed(cells: Cells, system: str, scenario: str) -> float | None:
    """Return the share of the way from source-only up to target-only that a system goes; None where there is no way."""
    if (FLOOR, scenario) not in cells or (CEILING, scenario) not in cells:
        return None
    low, high, value = (statistics.mean(cells[s, scenario].accuracy) for s in (FLOOR, CEILING, system))
    return (value - low) / (high - low) if high > low else None


def systems(cells: Cells) -> list[str]:
    """Return the systems: the classics in the order of `ORDER`, then others, and target-only last."""
    found = {system for system, _ in cells}
    return [s for s in ORDER if s in found] + sorted(found - {*ORDER, CEILING}) + [CEILING] * (CEILING in found)


def scenarios(cells: Cells, reported: Reported) -> list[str]:
    """Return the scenarios, those with figures of others first and in their order."""
    found = {scenario for _, scenario in cells}
    return [s for s in reported if s in found] + sorted(found - set(reported))
