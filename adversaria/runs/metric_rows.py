"""Test metrics as the rows of a table that people read."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adversaria.runs.metric_wording import (
    FLOOR,
    HIGHER,
    LOWER,
    MIXTURE,
    Wording,
    better,
    in_order,
    is_known,
    is_of_the_game,
    wording,
)

MANY = 4  # metrics of as many classes or labels are one row
UNEVEN = 0.05  # the mean over classes is shown where it differs by more from that over images
Metrics = Mapping[str, float | None]


@dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
        words: what is measured.
        better: the arrow of the values that are better, or nothing.
        value: with its unit.
        beside: what to compare it with.
        number: the value itself, to sort by; None where it is not finite.
        names: of the metrics in records.
    """

    words: str
    better: str
    value: str
    beside: str = ""
    number: float | None = None
    names: tuple[str, ...] = ()


def rows(metrics: Metrics, protocol: Mapping[str, Any]) -> list[Row]:
    """Return the rows of test metrics, each quantity once: floors stand beside, classes and labels are one row."""
    hidden = doubles(metrics, protocol)
    groups: dict[str, list[str]] = {}
    for name in in_order(name for name in metrics if name not in hidden):
        groups.setdefault(_group(name), []).append(name)
    several = len(_extractors(metrics)) > 1
    found = []
    for names in groups.values():
        if len(names) >= MANY:
            found.append(_together(names, metrics))
        else:
            found.extend(_row(name, metrics, protocol, several) for name in names)
    return found


def notes(metrics: Metrics) -> Iterator[str]:
    """Yield the sentences that a reader of the rows needs."""
    if any(map(better, metrics)):
        yield f"{HIGHER} higher is better, {LOWER} lower is better."
    if extractors := _extractors(metrics):
        yield f"Distances, shares and scores of images are of the features of {' and '.join(extractors)}."
    if any(name.endswith(FLOOR) for name in metrics):
        yield "Real images: the same of real validation images, as a perfect generator would have it."
    if any(re.match("(precision|recall)_", name) for name in metrics):
        yield (
            "Precision: the share of generated images that are like real ones; recall: the share of real images that "
            "are like generated ones."
        )
    if any(map(is_of_the_game, metrics)):
        yield "The rows of the discriminator or critic say how the game stands, not how good the images are."


def number(value: float | None, unit: str = "", digits: int = 3) -> str:
    """Write a value with the digits that count, and its unit."""
    if value is None or not math.isfinite(value):
        return "not finite"
    if unit == "%":
        return f"{100 * value:.1f} %"
    size = abs(value)
    if 0 < size < 1e-4 or size >= 1e9:
        text = f"{value:.{digits - 1}e}"
    elif float(value).is_integer():
        text = f"{value:,.0f}"
    else:
        text = f"{value:,.{max(0, digits - 1 - math.floor(math.log10(size)))}f}"
    return f"{text} {unit}".rstrip()


def doubles(metrics: Metrics, protocol: Mapping[str, Any]) -> set[str]:
    """Return the metrics that a table need not show: floors, which stand beside others, and what others say too."""
    floors = {name for name in metrics if name.endswith(FLOOR) and name.removesuffix(FLOOR) in metrics}
    return floors | copies(metrics, protocol)


def copies(metrics: Metrics, protocol: Mapping[str, Any]) -> set[str]:
    """Return the metrics that say in other units, or by another name, what others say too."""
    hidden = set()
    kld, nats = metrics.get("kld"), metrics.get("kld_nats")
    if kld is not None and nats is not None and math.isclose(kld, nats, rel_tol=1e-3):
        hidden.add("kld")
    if {"mse_pm1", "mse_01"} <= metrics.keys():  # the first is four times the second
        hidden.add("mse_pm1" if _pixels(protocol) == (0, 1) else "mse_01")
    return hidden


def _group(name: str) -> str:
    """Return what the metrics of all classes or labels have in common; of any other metric its name."""
    return name.partition("/")[0] + "/" if wording(name)[1].get("of") else name


def _pixels(protocol: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the ends of the pixels' values in training; None where the record, perhaps of somebody else, has none."""
    ends = protocol.get("value_range")
    numbers = isinstance(ends, list | tuple) and len(ends) == 2 and all(isinstance(end, int | float) for end in ends)
    return (ends[0], ends[1]) if ends and numbers else None


def _extractors(metrics: Metrics) -> list[str]:
    return list(dict.fromkeys(by for name in in_order(metrics) if (by := wording(name)[1].get("by"))))


def _row(name: str, metrics: Metrics, protocol: Mapping[str, Any], several: bool) -> Row:
    known, groups = wording(name)
    parts = [known.words.format(**groups) if groups else known.words]
    if name == "accuracy" and "target" in protocol:
        parts = ["accuracy on the target"]
    if name.removesuffix(FLOOR).endswith(MIXTURE):
        parts.append("mixture of latents")
    if name.endswith(FLOOR):
        parts.append("real images")
    if several and groups.get("by"):
        parts.append(groups["by"])
    digits = 3 if is_known(name) else 5  # of a user's own metric nobody knows how many count
    text = number(metrics[name], known.unit, digits)
    return Row(", ".join(parts), known.better, text, _beside(name, known, metrics, protocol), metrics[name], (name,))


def _beside(name: str, known: Wording, metrics: Metrics, protocol: Mapping[str, Any]) -> str:
    if name + FLOOR in metrics:
        return f"real images: {number(metrics[name + FLOOR], known.unit)}"
    if name == "mse" and (ends := _pixels(protocol)):
        return f"pixels from {ends[0]:g} to {ends[1]:g}"
    classes = [value or 0 for other, value in metrics.items() if other.startswith("accuracy/")]
    if name == "accuracy" and "target" in protocol and len(classes) > 1:
        mean, guessing = statistics.mean(classes), f"guessing: {100 / len(classes):.0f} %"
        uneven = abs(mean - (metrics[name] or 0)) > UNEVEN  # who says the commonest class alone seems to be good
        return f"mean of the classes: {100 * mean:.1f} %, {guessing}" if uneven else guessing
    return known.beside


def _together(names: list[str], metrics: Metrics) -> Row:
    """Return one row for the metrics of many classes or labels: the median, and beside it the two ends."""
    known, _ = wording(names[0])
    values = {wording(name)[1]["of"]: value for name in names if (value := metrics[name]) is not None}
    words = re.sub(r",? ?(of )?\{of\}", "", known.words)
    if not values:
        return Row(f"{words} by label", known.better, number(None), names=tuple(names))
    lowest, highest = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
    ends = [f"{end} {number(values[of], known.unit)} ({of})" for end, of in (("lowest", lowest), ("highest", highest))]
    median = statistics.median(values.values())
    text = number(median, known.unit)
    return Row(f"{words} by label, median", known.better, text, ", ".join(ends), median, tuple(names))
