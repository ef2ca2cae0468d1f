"""What several runs have in common, and in what they differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from adversaria.report import adaptation_table
from adversaria.report.adaptation_cells import cells_of
from adversaria.report.charts import Named, overlaid
from adversaria.report.pictures import KINDS
from adversaria.report.results import reported
from adversaria.report.run import Run
from adversaria.runs.metric_rows import copies
from adversaria.runs.metric_wording import in_order

SIDE_BY_SIDE = ("samples", "domains")  # pictures of several runs beside each other


def compare(named: Named) -> dict[str, Any]:
    """Return what the page of several runs shows of them together."""
    rows = list(_rows(named))
    protocols: list[dict[str, Any]] = []
    for row in rows:
        if protocol := _shared(row["protocol"]):
            protocols += [protocol] if protocol not in protocols else []
            row["number"] = protocols.index(protocol) + 1
    keys = dict.fromkeys(key for protocol in protocols for key in protocol)
    cells = cells_of(adapted(named))
    return {
        "rows": rows,
        **_metrics(named, rows),
        "protocols": protocols,
        "differing": [key for key in keys if len({str(p.get(key)) for p in protocols}) > 1],
        "adaptation": (adaptation_table.table(cells, reported()), adaptation_table.notes(cells)) if cells else None,
        "pictures": {
            KINDS[kind][0]: pictures
            for kind in SIDE_BY_SIDE
            if len(pictures := [(name, p) for name, run in named for p in run.pictures if p.kind == kind]) > 1
        },
        "charts": overlaid(named),
    }


def _rows(named: Named) -> Iterator[dict[str, Any]]:
    """Yield the test of each run, and what `evaluate.py` has measured of it since."""
    for place, (name, run) in enumerate(named, start=1):
        about = {"name": name, "place": place, "run": run, "number": None}
        yield about | {"metrics": run.metrics, "protocol": run.protocol, "evaluated": None}
        for evaluation in run.evaluations:
            measured = {key: evaluation[key] for key in ("metrics", "protocol")}
            yield about | measured | {"evaluated": evaluation["time"]}


def _metrics(named: Named, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the metrics that several runs have, those that all have first, and those that one run has, by its name."""
    owners: dict[str, set[str]] = {}
    for row in rows:
        for metric in row["metrics"]:
            if "/" not in metric:  # not those of each label
                owners.setdefault(metric, set()).add(row["name"])
    ordered = in_order(owners)
    shared = [metric for metric in ordered if len(owners[metric]) > 1]
    own = {}
    for name, run in named:
        shown = run.metrics.keys() - copies(run.metrics, run.protocol)
        own[name] = {m: run.metrics[m] for m in ordered if m in shown and owners[m] == {name}}
    return {
        "shared": sorted(shared, key=lambda metric: len(owners[metric]) < len(named)),
        "own": {name: metrics for name, metrics in own.items() if metrics},
    }


def _shared(protocol: dict[str, Any]) -> dict[str, Any]:
    """Return what of a protocol can be the same for several runs."""
    return {key: value for key, value in protocol.items() if key not in ("iteration", "seed")}


def adapted(named: Named) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield system, scenario and record of the runs of adaptation; only what differs by seed alone shares a cell."""
    found: dict[tuple[str, str], dict[str, Named]] = {}
    for name, run in named:
        protocol = run.protocol
        if run.metrics.get("accuracy") is not None and "n_test_target" in protocol:
            place = (run.choice("model") or run.name, f"{protocol['source']}_{protocol['target']}")
            settings = {k: v for k, v in run.config.items() if k in ("data", "labels", "model", "trainer")}
            data = settings.get("data")
            settings["data"] = {**data, "seed": None} if isinstance(data, dict) else None
            found.setdefault(place, {}).setdefault(repr(settings), []).append((name, run))
    for (system, scenario), variants in found.items():
        for group in variants.values():
            for _, run in group:
                yield system if len(variants) == 1 else f"{system} ({group[0][0]})", scenario, run.record


def names_of(runs: list[Run]) -> list[str]:
    """Name runs so that each can be told from the others: with the folder where names repeat, or numbered."""
    names = [run.name for run in runs]
    short = [re.sub(r"^[\d-]+_[\d-]+_", "", run.folder.name) for run in runs]  # without the time
    names = [f"{n} · {s}" if names.count(n) > 1 else n for n, s in zip(names, short, strict=True)]
    seen: Counter[str] = Counter()
    for i, name in enumerate(names):
        seen[name] += 1
        names[i] = f"{name} ({seen[name]})" if seen[name] > 1 else name
    return names
