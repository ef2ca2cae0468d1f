"""Labels by their names: `digit` has ten values, every other label is a binary attribute."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from adversaria.config.errors import ConfigError, DataError, suggest

if TYPE_CHECKING:  # importing numpy would delay a configuration error
    import numpy as np

log = logging.getLogger(__name__)
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


def check_classes(train: np.ndarray, val: np.ndarray, names: Sequence[str], used: Sequence[str], data: str) -> None:
    """Say which values no training image has, and check that a validation part that was cut from them has the others.

    Args:
        train: (n, k) labels of the training images.
        val: (m, k) labels of the held-out ones.
        names: k names of the labels.
        used: the labels that are trained on, if the held-out images were cut from the training images.
        data: name of the data, for the error.

    Raises:
        DataError: the held-out images lack a value of a used label.
    """
    absent = absent_values(train, names)
    if absent:
        log.warning("no training image of %s has the label %s", data, ", ".join(absent))
    for value in absent_values(val, names):
        name = value.partition("=")[0]
        if value not in absent and name in used:
            raise DataError(
                f"{data} has too few images with {value}: a part of the training images is held out for validation, "
                f"and none of them is left for it; add images with {value}, or leave {name} out of labels=[…]"
            )


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
