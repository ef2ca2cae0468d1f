"""The table of domain adaptation: systems × scenarios, mean ± standard deviation over seeds, and what others have."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from adversaria.report import tables
from adversaria.report.adaptation_cells import CEILING, FLOOR, Cells, Reported, gap_closed, scenarios, systems
from adversaria.runs.whole_files import replace_text

AUGMENTATIONS = ("augmentation", "target_augmentation")  # in a protocol
OTHERS = {
    FLOOR: "reported: source_only",
    "dann": "reported: dann",
    "adda": "reported: adda, or as named",
    CEILING: "reported: target_only",
    "public": "best published",
}
DIGITS = {"usps": "USPS", "mnist": "MNIST", "mnistm": "MNIST-M", "svhn": "SVHN"}


def markdown(cells: Cells, reported: Reported) -> str:
    """Return the table, and the protocol of its values."""
    header, *rows = table(cells, reported)
    return "\n".join([tables.markdown(header, rows), *map(tables.escaped, notes(cells))]) + "\n"


def table(
    cells: Cells, reported: Reported, columns: Sequence[str] = (), rows: Sequence[str] = (), missing: str = ""
) -> list[list[str]]:
    """Return the rows, header first: accuracies and gaps closed; below them what others have.

    Args:
        cells: the runs.
        reported: scenario -> system or `public` -> what others have.
        columns: scenarios, or those of the cells.
        rows: systems, or those of the cells.
        missing: stands where there is no run.
    """
    columns, rows = columns or scenarios(cells, reported), rows or systems(cells)
    best = {scenario: _best(cells, scenario) for scenario in columns}
    lines = [["system", *(_title(cells, scenario) for scenario in columns)]]
    for system in rows:
        texts = [_text(cells, system, scenario, best[scenario]) for scenario in columns]
        lines.append([system, *(text or missing for text in texts)])
    for key, label in OTHERS.items():
        texts = [str(reported.get(scenario, {}).get(key, "")) for scenario in columns]
        lines += [[label, *texts]] if any(texts) else []
    return lines


def oracle(cells: Cells, columns: Sequence[str]) -> list[list[str]]:
    """Return the rows, header first, of the accuracies of the best epoch by the target's labels; one row if none."""
    lines = [["system", *(_title(cells, scenario) for scenario in columns)]]
    for system in systems(cells):
        found = (cells.get((system, scenario)) for scenario in columns)
        texts = ["" if cell is None else tables.spread(cell.oracle, ".3f", ".3f") for cell in found]
        lines += [[system, *texts]] if any(texts) else []
    return lines


def _best(cells: Cells, scenario: str) -> float | None:
    """Return the best mean accuracy of the systems that adapt."""
    means = [
        statistics.mean(cell.accuracy) for (s, k), cell in cells.items() if k == scenario and s not in (FLOOR, CEILING)
    ]
    return max(means, default=None)


def _text(cells: Cells, system: str, scenario: str, best: float | None) -> str:
    """Return a cell: accuracy, the number of seeds unless it is three, and how the accuracy compares."""
    cell = cells.get((system, scenario))
    if cell is None:
        return ""
    seeds, average = len(cell.accuracy), statistics.mean(cell.accuracy)
    text = f"**{cell}**" if average == best and system not in (FLOOR, CEILING) else str(cell)
    text += "" if seeds == 3 else f" ({seeds} seed{'s' * (seeds > 1)})"
    if system in (FLOOR, CEILING):
        return text
    below = statistics.mean(cells[FLOOR, scenario].accuracy) - average if (FLOOR, scenario) in cells else 0.0
    if round(below, 3) > 0:
        return f"{text}, {below:.3f} below {FLOOR}"
    gap = gap_closed(cells, system, scenario)
    return text if gap is None else f"{text}, gap {100 * gap:.0f} %"


def _title(cells: Cells, scenario: str) -> str:
    """Return the heading of a column: the names of both domains."""
    protocols = [cell.protocol for (_, other), cell in cells.items() if other == scenario]
    names = [str(protocols[0].get(domain, "")) for domain in ("source", "target")] if protocols else []
    names = names if all(names) and names else scenario.split("_", 1)
    return " → ".join(DIGITS.get(name, name) for name in names)


def notes(cells: Cells) -> list[str]:
    """Return the protocol: a paragraph, and a list of the augmentations."""
    sizes = {f"{_title(cells, s)} {cells[k, s].protocol['n_test_target']:,}" for k, s in cells}
    minutes = {
        system: statistics.mean(m for (other, _), cell in cells.items() if other == system for m in cell.minutes)
        for system in systems(cells)
    }
    return [
        "Accuracy on the target's test images after the last epoch: mean ± standard deviation over three seeds, unless "
        "another number of seeds is named; bold is the best that adapts. The gap is the share of the way from "
        "source_only to target_only. "
        f"Minutes of a run: {', '.join(f'{s} {m:.0f}' for s, m in minutes.items())}. "
        f"Test images: {'; '.join(sorted(sizes))}.",
        "",
        *augmentations(cells),
    ]


def augmentations(cells: Cells) -> list[str]:
    """Return a line for each augmentation of training images, with the cells that had it."""
    found: dict[str, dict[str, list[str]]] = {}
    everyone: dict[str, list[str]] = {}
    for system, scenario in sorted(cells):
        for labelled, target in cells[system, scenario].all_of(*AUGMENTATIONS):
            text = f"labelled images: {labelled}; target images: {target if target != labelled else 'the same'}"
            found.setdefault(text, {}).setdefault(scenario, []).append(system)
        everyone.setdefault(scenario, []).append(system)
    places = {
        text: "; ".join(k if v == everyone[k] else f"{k} ({', '.join(v)})" for k, v in where.items())
        for text, where in found.items()
    }
    return [f"- Augmentation of {places[text]}: {text}." for text in found]


def write_csv(file: Path, cells: Cells, reported: Reported) -> None:
    """Write one line a cell."""
    header = ["system", "scenario", "accuracy", "std", "seeds", "gap_closed", "oracle", "minutes", "reported"]
    rows = [
        [
            system,
            scenario,
            tables.mean(cell.accuracy),
            tables.deviation(cell.accuracy) if len(cell.accuracy) > 1 else None,
            len(cell.accuracy),
            gap_closed(cells, system, scenario),
            tables.mean(cell.oracle),
            tables.mean(cell.minutes),
            reported.get(scenario, {}).get(system),
        ]
        for (system, scenario), cell in sorted(cells.items())
    ]
    replace_text(file, tables.csv_text(header, rows))
