"""Learning curves as the script of a page draws them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from adversaria.report.run import Run
from adversaria.runs.curves import smooth
from adversaria.runs.metric_wording import axis

POINTS = 500  # of a curve; longer ones are thinned

Named = list[tuple[str, Run]]  # runs by the names that tell them apart


def charts(run: Run, panels: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Return what the page draws of a run, a chart for each panel."""
    return [
        {"title": title, "axis": axis(metrics), "series": [_series(run, metric, metric) for metric in metrics]}
        for title, metrics in panels.items()
    ]


def overlaid(named: Named) -> list[dict[str, Any]]:
    """Return a chart for each metric that several runs have a learning curve of."""
    # A run takes part with the curves of its method alone: what others also call val/loss is another quantity.
    own = [{metric for group in run.panels.values() for metric in group} for _, run in named]
    metrics = dict.fromkeys(m for _, run in named for group in run.panels.values() for m in group)
    found = {
        m: [_series(run, m, name) | {"colour": i} for i, (name, run) in enumerate(named) if m in own[i]]
        for m in metrics
    }
    return [
        {"title": metric, "axis": axis([metric]), "series": series}
        for metric, series in found.items()
        if len(series) > 1
    ]


def _series(run: Run, metric: str, name: str) -> dict[str, Any]:
    x, y = run.curves[metric]
    strong = smooth(np.array(y), run.smoothing) if metric.startswith("train/") else np.array(y)
    keep = slice(None, None, -math.ceil(len(x) / POINTS))  # from the end, so that the last value stays
    smoothed = [float(f"{v:.5g}") for v in strong[keep]]
    return {"name": name, "x": x[keep][::-1], "raw": y[keep][::-1], "y": smoothed[::-1]}
