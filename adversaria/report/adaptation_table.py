"""The table of domain adaptation: systems × scenarios, mean ± standard deviation over seeds, from a sweep's folders."""

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
from adversaria.runs.whole_files import replace_text

log = logging.getLogger(__name__)

FLOOR, CEILING = "source_only", "target_only"
AUGMENTATIONS = ("augmentation", "target_augmentation")  # in a protocol


@dataclass(frozen=True)
class Cell:
    """The runs of one system on one scenario.

    Attributes:
        accuracy: on the target's test images, after the last epoch, of each seed.
        oracle: the same of the best epoch by those images' labels.
        minutes: of each run.
        protocol: that of the first run.
    """

    accuracy: list[float]
    oracle: list[float]
    minutes: list[float]
    protocol: dict[str, Any]

    def __str__(self) -> str:
        return tables.spread(self.accuracy, ".3f", ".3f")


Cells = dict[tuple[str, str], Cell]  # by system and scenario


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
            runs[0]["protocol"],
        )
        for key, runs in found.items()
    }


def gap_closed(cells: Cells, system: str, scenario: str) -> float | None:
    """Return the share of the way from source-only to target-only that a system goes; None without those two."""
    if (FLOOR, scenario) not in cells or (CEILING, scenario) not in cells:
        return None
    low, high, value = (statistics.mean(cells[s, scenario].accuracy) for s in (FLOOR, CEILING, system))
    return (value - low) / (high - low) if high != low else None


def systems(cells: Cells) -> list[str]:
    """Return the systems, source-only first and target-only last."""
    return sorted({system for system, _ in cells}, key=lambda s: ({FLOOR: 0, CEILING: 2}.get(s, 1), s))


def markdown(cells: Cells, reported: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the table, and the protocol of its values."""
    header, *rows = table(cells, reported)
    return "\n".join([tables.markdown(header, rows), *map(tables.escaped, notes(cells))]) + "\n"


def table(cells: Cells, reported: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Return the rows, header first: accuracies, minutes, gaps closed, and what the reports have."""
    scenarios = sorted({scenario for _, scenario in cells})
    rows = [["system", *(_title(cells, scenario) for scenario in scenarios)]]
    for system in systems(cells):
        row = [system]
        for scenario in scenarios:
            cell, published = cells.get((system, scenario)), reported.get(scenario, {}).get(system)
            text = "" if cell is None else f"**{cell}**, {statistics.mean(cell.minutes):.0f} min"
            gap = gap_closed(cells, system, scenario) if cell is not None and system not in (FLOOR, CEILING) else None
            text += "" if gap is None else f", gap {100 * gap:.0f} %"
            text += "" if published is None else f" (reported {published})"
            row.append(text.strip())
        rows.append(row)
    return rows


def _title(cells: Cells, scenario: str) -> str:
    """Return the heading of a column: the names of both domains."""
    protocol = next(cell.protocol for (_, other), cell in cells.items() if other == scenario)
    names = [str(protocol.get(domain, "")) for domain in ("source", "target")]
    return " → ".join(names) if all(names) else scenario.replace("_", " → ", 1)


def notes(cells: Cells) -> list[str]:
    """Return the protocol: a paragraph, and a list of the augmentations."""
    seeds = sorted({len(cell.accuracy) for cell in cells.values()})
    sizes = {f"{s}: {cells[k, s].protocol['n_test_target']:,}" for k, s in cells}
    return [
        "Accuracy on the target's test images after the last epoch, mean ± standard deviation over seeds "
        f"({' or '.join(map(str, seeds))} a cell); minutes of a run; the share of the gap between source-only and "
        f"target-only that is closed. Test images: {'; '.join(sorted(sizes))}.",
        "",
        *augmentations(cells),
    ]


def augmentations(cells: Cells) -> list[str]:
    """Return a line for each augmentation of training images, with the cells that had it."""
    found: dict[str, dict[str, list[str]]] = {}
    for system, scenario in sorted(cells):
        labelled, target = (cells[system, scenario].protocol.get(k) for k in AUGMENTATIONS)
        text = f"labelled images: {labelled}; target images: {target if target != labelled else 'the same'}"
        found.setdefault(text, {}).setdefault(scenario, []).append(system)
    places = {text: "; ".join(f"{k} ({', '.join(v)})" for k, v in where.items()) for text, where in found.items()}
    return [f"- Augmentation of {places[text]}: {text}." for text in found]


def write_csv(file: Path, cells: Cells, reported: Mapping[str, Mapping[str, Any]]) -> None:
    """Write one line a cell."""
    header = ["system", "scenario", "accuracy", "std", "seeds", "gap_closed", "oracle", "minutes", "reported"]
    rows = [
        [
            system,
            scenario,
            tables.mean(cell.accuracy),
            statistics.stdev(cell.accuracy) if len(cell.accuracy) > 1 else None,
            len(cell.accuracy),
            gap_closed(cells, system, scenario),
            tables.mean(cell.oracle),
            tables.mean(cell.minutes),
            reported.get(scenario, {}).get(system),
        ]
        for (system, scenario), cell in sorted(cells.items())
    ]
    replace_text(file, tables.csv_text(header, rows))
