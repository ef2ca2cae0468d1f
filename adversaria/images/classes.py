"""How pictures show labels and their classes: names that a user's data brings, and colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib import colormaps

LONGEST = 24  # characters of a name
LEGEND = 20  # classes at most that a legend has room for
GREY = "#9aa5b1"
RESERVED = ("points", "target", "file", "allow_pickle")  # names of other arrays, and of NumPy's own parameters


def caption(name: str) -> str:
    """Return a name, cut where it is long, that Matplotlib does not read as a formula."""
    short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    return short.replace("$", r"\$")


def class_colours(count: int) -> list[Any]:
    """Return a colour for each of some classes."""
    if count <= 10:
        return [f"C{i}" for i in range(count)]
    return [colormaps["tab20"](i) if count <= 20 else colormaps["turbo"](i / (count - 1)) for i in range(count)]


def as_arrays(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return arrays by their labels, under names that a file of arrays has not already."""
    return {f"label {name}" if name in RESERVED else name: values for name, values in labels.items()}
