"""Tables of systems by measured values, as `tables` in results.yaml describes them.

Keys of a table:
    prefix: folder of its records. Those that no row takes get rows of their own, unless `only_rows` is set.
    rows: each with its name; `records`, a pattern of the path below the prefix, or of the whole path where it has a
        slash; what is `reported`; and keys that columns refer to.
    columns: each with a title. `metric` is a pattern of names, whose values are averaged, `format` that of the value;
        `records` is set where the value is not of the row's own runs; `floor` is the pattern of the same value of real
        images. A column without a metric is one of `FACTS`, or what is reported.
    by: a key of protocols. There is a table for each of its values, because values of two extractors do not compare.
    better: `max` or `min`: the first value is bold where it reaches the figure that is reported.
    protocol: keys of protocols whose values are told below the table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from adversaria.report import tables
from adversaria.report.provenance import Record, Records, common, device_of, epochs_of, extractors, provenance

Described = Mapping[str, Any]  # a table, a row or a column

MISSING = "not run yet"
FACTS: dict[str, Callable[[Iterable[Record]], str]] = {
    "epochs": lambda runs: _number(epochs_of(run) for run in runs),
    "iterations": lambda runs: _number(run["protocol"].get("iteration") for run in runs),
    "minutes": lambda runs: _number(run["minutes"] for run in runs),
    "device": lambda runs: "; ".join(sorted({device_of(run) for run in runs})),
}
#: An evaluation of other weights or images than the run's own test has one of these in its protocol.
OTHERWISE = {"weights", "images", "reference", "data", "n_test", "n_test_target"}


def rendered(table: Described, records: Records) -> str:
    """Return the Markdown of a table; several where `by` has several values."""
    rows, key = _rows(table, records), table.get("by")
    values = [] if key is None else _values(key, (run for _, found in rows for run in found.values()))
    return "\n".join(_one(table, rows, records, value, i == 0) for i, value in enumerate(values or [None]))


def _rows(table: Described, records: Records) -> list[tuple[Described, Records]]:
    """Return the rows with their records; records that no row takes get rows named after them."""
    patterns = [
        row["records"] if "/" in row["records"] else f"{table['prefix']}/({row['records']})" for row in table["rows"]
    ]
    rows = [(row, matching(records, pattern)) for row, pattern in zip(table["rows"], patterns, strict=True)]
    taken = {name for _, found in rows for name in found}
    others: dict[str, Records] = {}
    for name, record in matching(records, f"{table['prefix']}/[^/]+").items():
        if name not in taken and not table.get("only_rows"):
            others.setdefault(tables.escaped(name.split("/")[1]), {})[name] = record
    return [*rows, *(({"name": name}, found) for name, found in others.items())]


def matching(records: Records, pattern: str) -> Records:
    """Return the records whose path matches, with or without the number of a seed at its end."""
    wanted = re.compile(rf"({pattern})(/seed_\d+)?")
    return {name: record for name, record in records.items() if wanted.fullmatch(name)}


def measurements(record: Record) -> Iterator[Record]:
    """Yield a record, and the same with each later evaluation of the same weights on the same images."""
    yield record
    for later in record.get("evaluations", []):
        if not OTHERWISE & later["protocol"].keys() and later["protocol"].get("split", "test") == "test":
            yield {**record, "protocol": {**record["protocol"], **later["protocol"]}, "metrics": later["metrics"]}


def _values(key: str, runs: Iterable[Record]) -> list[Any]:
    """Return the values of a key of protocols, the most frequent first."""
    found = [m["protocol"][key] for run in runs for m in measurements(run) if key in m["protocol"]]
    return sorted(set(found), key=lambda value: (-found.count(value), value))


def _one(table: Described, rows: Any, records: Records, value: Any, first: bool) -> str:
    """Return the table of the measurements in which the key `by` has a value; the first one names what is missing."""
    reports = any("reported" in row for row, _ in rows)
    columns = [column for column in table["columns"] if reports or column["title"] != "reported"]
    lines: list[list[str]] = []
    used: Records = {}
    for row, found in rows:
        runs = {name: m for name, run in found.items() if (m := _measured(run, table.get("by"), value))}
        if runs or (first and "records" in row):
            lines.append(_line(table, columns, row, runs, records))
            used |= runs
    header = ["system", *(column["title"] for column in columns)]
    text = tables.markdown(header, [*_floor(columns, used), *lines], str)
    facts = common(used.values(), table.get("protocol", ()))
    return text + provenance(used, [*extractors(used.values() if table.get("by") else ()), *facts])


def _measured(run: Record, key: str | None, value: Any) -> Record | None:
    """Return the newest measurement of a run in which a key of the protocol has a value."""
    if key is None:
        return run
    return next((m for m in reversed(list(measurements(run))) if m["protocol"].get(key, run) == value), None)


def _line(table: Described, columns: Sequence[Described], row: Described, runs: Records, records: Records) -> list[str]:
    """Return the cells of a row; its name links to the record of its first run."""
    cells = [_cell(column, row, runs, records) for column in columns]
    if not runs:
        return [row["name"], MISSING, *cells[1:]]
    return [f"[{row['name']}](results/records/{min(runs)}.json)", _bold(table, row, runs, cells[0]), *cells[1:]]


def _cell(column: Described, row: Described, runs: Records, records: Records) -> str:
    if column["title"] == "reported":
        reported = row.get("reported", "")
        return f"{reported:.4f}" if isinstance(reported, float) else str(reported)
    if "metric" not in column:
        return FACTS[column["title"]](runs.values()) if runs else ""
    pattern = re.sub(r"\{([a-z_]+)\}", lambda match: str(row.get(match[1])), column["metric"])
    source = matching(records, column["records"]) if "records" in column else runs
    return tables.spread(_found(source.values(), pattern), column["format"], column["format"])


def _found(runs: Iterable[Record], pattern: str) -> list[float | None]:
    """Return of each run the mean of the metrics whose names match."""
    wanted = re.compile(pattern)
    return [tables.mean(v for k, v in run["metrics"].items() if wanted.fullmatch(k)) for run in runs]


def _bold(table: Described, row: Described, runs: Records, text: str) -> str:
    """Return the first value, bold where it reaches what is reported, with the number of seeds where there are more."""
    reported, found = row.get("reported"), tables.mean(_found(runs.values(), table["columns"][0]["metric"]))
    sign = {"max": 1, "min": -1}.get(table.get("better", ""), 0)
    if sign and isinstance(reported, float) and found is not None and sign * found >= sign * reported:
        text = f"**{text}**"
    return text + (f" ({len(runs)} seeds)" if len(runs) > 1 else "")


def _floor(columns: Sequence[Described], runs: Records) -> list[list[str]]:
    """Return a row of real images, whose values a perfect generator would have; none if they were not measured."""
    found = [_found(runs.values(), column["floor"]) if "floor" in column else [] for column in columns]
    texts = [tables.spread([tables.mean(f)], c.get("format", "")) for f, c in zip(found, columns, strict=True)]
    return [["real images that no model was trained on", *texts]] if any(texts) else []


def _number(values: Iterable[float | None]) -> str:
    average = tables.mean(values)
    return "" if average is None else f"{average:,.0f}"
