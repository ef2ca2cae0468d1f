"""How pictures show labels and their classes: names that a user's data brings, and colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from adversaria.images.palette import OTHERS, style

LONGEST = 24  # characters of a name
LEGEND = 20  # classes at most that a legend has room for
RESERVED = ("points", "target", "file", "allow_pickle")  # names of other arrays, and of NumPy's own parameters


def caption(name: str) -> str:
    """Return a name, cut where it is long, that Matplotlib does not read as a formula."""
    short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    return short.replace("$", r"\$")


def scatter_by_value(axis: Any, points: np.ndarray, values: np.ndarray, names: Sequence[str]) -> None:
    """Draw points (n, 2), each value (n,) of 0 to k - 1 with a colour and mark of its own, others pale behind.

    A few names stand in a legend beside the axis; those of classes are also written where their points are.
    """
    from matplotlib import patheffects

    others = points[values < 0]
    axis.scatter(*others.T, s=9, color=OTHERS, linewidths=0, label="others" if names and len(others) else None)
    for value, name in enumerate(names):
        chosen, look = points[values == value], style(value)
        axis.scatter(*chosen.T, s=13, color=look.colour, marker=look.mark, linewidths=0, label=caption(name))
        if 2 < len(names) <= LEGEND and len(chosen):
            halo = [patheffects.withStroke(linewidth=3, foreground="white")]
            axis.annotate(
                caption(name), np.median(chosen, 0), ha="center", va="center", weight="bold", path_effects=halo
            )
    if len(names) <= LEGEND:
        axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False, fontsize=8, borderaxespad=0.2)
    axis.set(xticks=[], yticks=[], xlabel="t-SNE, first axis (no unit)", ylabel="t-SNE, second axis (no unit)")


def as_arrays(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return arrays by their labels, under names that a file of arrays has not already."""
    return {f"label {name}" if name in RESERVED else name: values for name, values in labels.items()}
