"""Labels by their names, and their values by theirs: `Smiling` is no or yes, `class` may be cat, dog or horse.

`Classes` maps labels to the names of their values. A label that is not in it is a binary attribute, or `digit`.
"""

from __future__ import annotations

from collections.abc import Sequence

from adversaria.config.types import Classes

DIGIT = "digit"
DIGITS = tuple("0123456789")
BINARY = ("no", "yes")
LISTED = 8  # values at most that a sentence names


def value_names(name: str, classes: Classes | None = None) -> list[str]:
    """Return the names of the values of a label, in their order: of an attribute `no` and `yes`."""
    return list((classes or {}).get(name) or (DIGITS if name == DIGIT else BINARY))


def label_sizes(names: Sequence[str], classes: Classes | None = None) -> list[int]:
    """Return the number of values of each label."""
    return [len(value_names(name, classes)) for name in names]


def is_attribute(name: str, classes: Classes | None = None) -> bool:
    """Tell whether an image has or lacks a label, and not one of its classes, of which there can be two."""
    return name != DIGIT and name not in (classes or {})


def value_title(name: str, value: int, classes: Classes | None = None) -> str:
    """Return how a value is shown beside those of other labels: `no Smiling`, `Smiling`, `digit 3`, `class cat`."""
    if is_attribute(name, classes):
        return (f"no {name}", name)[value]
    return f"{name} {value_names(name, classes)[value]}"


def value_keys(names: Sequence[str], classes: Classes | None = None) -> list[str]:
    """Return what metrics of each label are called: of one label with more than two classes those of each class."""
    several = len(names) == 1 and label_sizes(names, classes)[0] > 2
    return value_names(names[0], classes) if several else list(names)


def parse_value(name: str, text: str, classes: Classes | None = None) -> int | None:
    """Return the value that a text names or numbers; None if there is no such value."""
    names = value_names(name, classes)
    if text in names:
        return names.index(text)
    return int(text) if text in map(str, range(len(names))) else None


def listed(texts: Sequence[str]) -> str:
    """Return the first of some texts for a sentence, and how many more there are."""
    more = len(texts) - LISTED
    return ", ".join(texts[:LISTED]) + (f" and {more} more" if more > 0 else "")
