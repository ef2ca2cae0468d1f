"""Checks of the configured data that need no torch: they run before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from adversaria.config.errors import ConfigError, suggest
from adversaria.config.instantiate import instantiate
from datamodules.labels import select_attributes
from datamodules.readers.base import open_reader


def preflight(data: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Check that the configured data is there and has the labels that the configuration asks for.

    Args:
        data: the group `data` of a plain configuration.
        model: its group `model`, whose network may ask for labels.

    Raises:
        ConfigError: an empty value range, or an unknown digit set or attribute.
        DataError: the data is missing.
    """
    if "value_range" in data:
        check_value_range(data["value_range"])
    if "sets" in data:
        sets = instantiate(data["sets"])
        readers = [find_digit_set(sets, data[key], f"data.{key}")() for key in ("source", "target")]
    elif "reader" in data:
        readers = [open_reader(instantiate(data["reader"]), data.get("root"))]
    else:
        return
    for reader in readers:
        delivered = select_attributes(data.get("attributes"), reader.attributes())
        select_attributes((model.get("network") or {}).get("labels"), delivered, "labels")


def check_value_range(value_range: Sequence[float]) -> tuple[float, float]:
    """Return the range as a tuple.

    Raises:
        ConfigError: the range is empty.
    """
    low, high = map(float, value_range)
    if not low < high:
        raise ConfigError(f"data.value_range=[{low:g}, {high:g}]: the first value must be below the second")
    return low, high


def find_digit_set(sets: Mapping[str, Any], name: str, key: str) -> Any:
    """Return the factory of the digit set with this name; `key` is the configuration key to name in the error.

    Raises:
        ConfigError: there is no such set.
    """
    if name not in sets:
        raise ConfigError(f"{key}={name}: there is no such set{suggest(name, list(sets))}")
    return sets[name]
