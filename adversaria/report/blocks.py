"""The blocks of docs/results.md by name: tables of adaptation, and the tables that results.yaml describes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from adversaria.config.errors import ConfigError
from adversaria.report import adaptation_table, record_tables, tables
from adversaria.report.adaptation_cells import CEILING, FLOOR, ORDER, Cells, cells_of, systems
from adversaria.report.provenance import Records, provenance
from adversaria.report.results import described, reported

#: Block -> pattern of the scenarios that it shows, of the runs uda_table/SYSTEM/SCENARIO/seed_N.
ADAPTATION = {"uda_table": "|".join(reported()), "photos_drawings": "photos_drawings"}
ORACLE = "The same runs at the epoch that is best by the target's labels. This uses labels, so it is no result:"


def rendered(name: str, records: Records) -> str:
    """Return the Markdown of a block.

    Raises:
        ConfigError: there is no block of that name.
    """
    if name in ADAPTATION:
        return _adaptation(ADAPTATION[name], records)
    if name in described()["tables"]:
        return record_tables.rendered(described()["tables"][name], records)
    known = ", ".join([*ADAPTATION, *described()["tables"]])
    raise ConfigError(f"<!-- records: {name} -->: there is no such table; known: {known}")


def _adaptation(pattern: str, records: Records) -> str:
    """Return the tables of domain adaptation: a column for each pair, the pairs of the lab reports in the first one."""
    wanted = re.compile(rf"uda_table/[^/]+/({pattern})/seed_\d+")
    runs = {name: record for name, record in records.items() if wanted.fullmatch(name)}
    cells = cells_of(
        (name.split("/")[1], name.split("/")[2], {**record, "seconds": 60 * record["minutes"]})
        for name, record in runs.items()
    )
    pairs = pattern.split("|")
    inside = [pair for pair in pairs if FLOOR in reported().get(pair, {})]
    groups = [group for group in (inside, [pair for pair in pairs if pair not in inside]) if group]
    parts = [_pairs(cells, group) for group in groups]
    notes = "".join(f"{tables.escaped(note)}\n" for note in adaptation_table.notes(cells))
    return "\n".join([*parts, notes]) + provenance(runs).lstrip("\n")


def _pairs(cells: Cells, columns: Sequence[str]) -> str:
    """Return the table of some pairs, and that of the best epochs."""
    ours = [system for system in systems(cells) if any((system, pair) in cells for pair in columns)]
    if any(pair in reported() for pair in columns):
        ours = [*ORDER, *(s for s in ours if s not in (*ORDER, CEILING)), CEILING]
    header, *rows = adaptation_table.table(cells, reported(), columns, ours, record_tables.MISSING)
    text = tables.markdown(header, rows)
    header, *best = adaptation_table.oracle(cells, columns)
    return text + (f"\n{ORACLE}\n\n{tables.markdown(header, best)}" if best else "")
