"""Labels by their names: `digit` has ten values, every other label is a binary attribute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from adversaria.config.errors import ConfigError, suggest

if TYPE_CHECKING:  # importing numpy would delay a configuration error
    import numpy as np

DIGIT = "digit"


def label_sizes(names: Sequence[str]) -> list[int]:
    """Return the number of values of each label."""
    return [10 if name == DIGIT else 2 for name in names]


def absent_values(labels: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return the values that columns of labels (n, k) never have, as `digit=8` or `Bald=1`."""
    return [
        f"{name}={value}"
        for i, (name, size) in enumerate(zip(names, label_sizes(names), strict=True))
        for value in range(size)
        if not (labels[:, i] == value).any()
    ]


def logit_count(size: int) -> int:
    """Return how many logits a label of `size` values has: one if it is binary."""
    return 1 if size == 2 else size


def select_attributes(wanted: list[str] | None, known: list[str], key: str = "data.attributes") -> list[str]:
    """Return `wanted`, or all `known` for None; `key` is the configuration key to name in the error.

    Raises:
        ConfigError: the data has no such attribute; the message names the nearest ones.
    """
    for name in wanted or ():
        if name not in known:
            raise ConfigError(f"{key}: there is no attribute '{name}'{suggest(name, known)}")
    return list(known) if wanted is None else list(wanted)


def label_columns(wanted: list[str], known: list[str], key: str) -> list[int]:
    """Return the indices of the wanted labels among the known ones.

    Raises:
        ConfigError: as `select_attributes`.
    """
    return [known.index(name) for name in select_attributes(wanted, known, key)]
