"""A scatter plot with a name for each point, over a logarithmic axis."""

from __future__ import annotations

import io
from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator


def scatter(points: Mapping[str, tuple[float, float]], xlabel: str, ylabel: str) -> bytes:
    """Draw `name -> (x, y)`, x > 0, as PNG."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axis = figure.subplots()
    for number, (label, (x, y)) in enumerate(points.items()):
        axis.scatter(x, y, s=50, label=label, color=f"C{number % 10}", marker="osD^v"[number // 10 % 5])
    axis.set(xlabel=xlabel, ylabel=ylabel, xscale="log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter("")
    figure.legend(loc="outside right upper", fontsize=8)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=120)
    return stream.getvalue()
