"""Checks of the configured data that need no torch: they run before anything heavy is imported."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from adversaria.config.errors import ConfigError, suggest
from adversaria.config.instantiate import instantiate
from adversaria.config.signatures import constant
from datamodules.labels import select_attributes
from datamodules.readers.base import reader_of


def preflight(data: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Check that the configured data is there and has the labels that the configuration asks for.

    Args:
        data: the group `data` of a plain configuration.
        model: its group `model`, whose network may ask for labels.

    Raises:
        ConfigError: an empty value range, an unknown digit set or attribute, or data that does not fit the model.
        DataError: the data is missing.
    """
    if "value_range" in data:
        check_value_range(data["value_range"])
    if "_target_" in model:
        check_fit("sets" in data, data, needs_of(model), model.get("_target_", "").rpartition(".")[2])
    if "sets" in data:
        sets = instantiate(data["sets"])
        readers = [find_digit_set(sets, data[key], f"data.{key}")() for key in ("source", "target")]
    elif "reader" in data:
        readers = [reader_of(data)]
    else:
        return
    for reader in readers:
        if check := getattr(reader, "check", None):  # of anyone's images
            network = model.get("network") or {}
            wanted = (network["labels"] or data.get("attributes") or []) if "labels" in network else None
            check(model.get("_target_", "").rpartition(".")[2], wanted, data.get("batch_size"))
        delivered = select_attributes(data.get("attributes"), reader.attributes())
        select_attributes((model.get("network") or {}).get("labels"), delivered, "labels")


def needs_of(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a model needs of the data, as far as its classes say it in plain text.

    Returns:
        `needs_domain_pair`, and `image_size` and `value_range` where the network takes only one; None for any. Also
        `smallest_image`, in pixels.
    """
    network = model.get("network") or {}
    given = {**network, **{key: model[key] for key in ("value_range",) if key in model}}
    return {
        "needs_domain_pair": constant(model.get("_target_", ""), "needs_domain_pair") or False,
        "smallest_image": constant(network.get("_target_", ""), "smallest_image") or 1,
        **{key: given.get(key, constant(network.get("_target_", ""), key)) for key in ("image_size", "value_range")},
    }


def check_fit(pair: bool, have: Mapping[str, Any], needs: Mapping[str, Any], model: str) -> None:
    """Check that data fits a model.

    Args:
        pair: whether the data is a pair of domains.
        have: the data's `image_size` and `value_range`.
        needs: the model's, `needs_domain_pair` and, optionally, `smallest_image`; None for any.
        model: its name, for the error.

    Raises:
        ConfigError: another image size or value range, or too small images; one data set where the method needs two,
            or the reverse.
    """
    if pair != needs["needs_domain_pair"]:
        kind = "one data set, e.g. data=mnistm" if pair else "a pair of digit sets, e.g. data=digits_mnist5k"
        raise ConfigError(f"data: {model} needs {kind}")
    for key in ("value_range", "image_size"):
        mine, wanted = have.get(key), needs.get(key)
        if mine is not None and wanted is not None and _comparable(mine) != _comparable(wanted):
            mine, wanted = map(_comparable, (mine, wanted))
            raise ConfigError(f"data.{key}={mine}: this network's images have {key} {wanted}; set data.{key}={wanted}")
    if have.get("image_size", math.inf) < (smallest := needs.get("smallest_image", 1)):
        raise ConfigError(f"data.image_size={have['image_size']}: this network needs {smallest} pixels or more")


def _comparable(value: Any) -> Any:
    return value if isinstance(value, int) else "[" + ",".join(f"{float(v):g}" for v in value) + "]"


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
