"""The labels that data has, against those that a configuration or a model wants."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError, DataError, suggest
from adversaria.config.labels import is_attribute, label_sizes, listed, value_names
from adversaria.config.types import Classes

if TYPE_CHECKING:  # importing numpy would delay a configuration error
    import numpy as np

log = logging.getLogger(__name__)


def absent_values(labels: np.ndarray, names: Sequence[str], classes: Classes | None = None) -> list[tuple[str, str]]:
    """Return the values that columns of labels (n, k) never have, as `("digit", "digit=8")` or `("Bald", "Bald=1")`."""
    return [
        (name, f"{name}={value if is_attribute(name, classes) else value_names(name, classes)[value]}")
        for i, (name, size) in enumerate(zip(names, label_sizes(names, classes), strict=True))
        for value in range(size)
        if not (labels[:, i] == value).any()
    ]


def check_classes(
    train: np.ndarray,
    val: np.ndarray,
    names: Sequence[str],
    used: Sequence[str],
    data: str,
    classes: Classes | None = None,
) -> None:
    """Say which values no training image has, and check that a validation part that was cut from them has the others.

    Args:
        train: (n, k) labels of the training images.
        val: (m, k) labels of the held-out ones.
        names: k names of the labels.
        used: the labels that are trained on, if the held-out images were cut from the training images.
        data: name of the data, for the error.
        classes: names of the labels' values.

    Raises:
        DataError: the held-out images lack a value of a used label.
    """
    absent = absent_values(train, names, classes)
    if absent:
        log.warning("no training image of %s has the label %s", data, listed([value for _, value in absent]))
    for name, value in absent_values(val, names, classes):
        if (name, value) not in absent and name in used:
            raise DataError(
                f"{data} has too few images with {value}: a part of the training images is held out for validation, "
                f"and none of them is left for it; add images with {value}, or leave {name} out of labels=[…]"
            )


def check_same_classes(names: Sequence[str], model: Classes, data: Classes) -> None:
    """Check that labels have the same values in the data as in the model that was trained on them.

    Raises:
        ConfigError: they have others, or the same in another order.
    """
    for name in names:
        mine, theirs = (value_names(name, classes) for classes in (model, data))
        if mine != theirs:
            raise ConfigError(
                f"labels: the model's {name} is one of {listed(mine)}, and that of the data one of {listed(theirs)}; "
                "give data with the same classes, or train a model on these"
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


def check_names(names: Sequence[str], data: str) -> None:
    """Check that labels or classes of some data have names that a configuration can hold.

    Raises:
        DataError: one is empty, cannot be printed, or would be read as something else.
    """
    for name in names:
        if not name.strip() or not name.isprintable() or "${" in name or name == "???":
            raise DataError(f"{data}: {name!r} cannot be the name of a label or a class; rename it")


def classes_of(reader: Any) -> dict[str, list[str]]:
    """Return the names of the values of a reader's labels; none where it does not say.

    Raises:
        DataError: a name that a configuration cannot hold, or a label that has a name twice.
    """
    found = {label: list(names) for label, names in getattr(reader, "classes", dict)().items()}
    for label, names in found.items():
        check_names([label, *names], reader.name)
        if len(set(names)) < len(names):
            raise DataError(f"{reader.name}: two classes of {label} have the same name; rename one of them")
    return found
