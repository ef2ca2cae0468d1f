"""Checks of the configured data that need no torch: they run before anything heavy is imported."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from adversaria.config.errors import ConfigError, suggest
from adversaria.config.instantiate import instantiate
from adversaria.config.signatures import constant, signature
from adversaria.config.types import Domain
from datamodules.domains import DOMAINS, is_pair, open_domains
from datamodules.labels import check_names, check_same_classes, classes_of, select_attributes
from datamodules.readers.base import Reader, reader_of


def preflight(data: Mapping[str, Any], model: Mapping[str, Any], training: bool = False) -> dict[str, Any]:
    """Check that the configured data is there and has the labels that the configuration asks for.

    Args:
        data: the group `data` of a plain configuration.
        model: its group `model`. What its network leaves open is filled in: `labels: null` becomes all of the data's,
            and `classes` the names of their values.
        training: whether the model is to be trained, for which anyone's images must suffice.

    Returns:
        The same for the top level of the configuration: the `labels` and `classes` of the data; see `completed`. Also
        `labelled`, whether all of the data has labels to measure by: the target of a pair may have none.

    Raises:
        ConfigError: an empty value range, an unknown digit set or attribute, or data that does not fit the model.
        DataError: the data is missing.
    """
    if "value_range" in data:
        check_value_range(data["value_range"])
    if "_target_" in model:
        check_fit(is_pair(data), data, needs_of(model), model.get("_target_", "").rpartition(".")[2])
    if not (readers := _readers(data)):
        return {}
    network = model.get("network") or {}
    for reader in readers:
        if training and (check := getattr(reader, "check", None)):  # of anyone's images
            labels = network.get("labels", [])  # null: all of the data's; []: none, as of a GAN
            wanted = None if labels == [] else labels or data.get("attributes") or []
            check(model.get("_target_", "").rpartition(".")[2], wanted, data.get("batch_size"))
    found = [_labels_of(reader, data.get("attributes")) for reader in readers]
    for labels, classes in found:
        _check_fixed_label(network, labels)
        select_attributes(network.get("labels"), labels, "labels")
        _fill_in(model, labels, classes)
        check_same_classes(network.get("labels") or (), network.get("classes") or {}, classes)
    labels, classes = found[0]
    labelled = all(getattr(reader, "has_label", True) for reader in readers)
    return {"labels": labels or None, "classes": classes or None, "labelled": labelled}


def _readers(data: Mapping[str, Any]) -> list[Any]:
    """Open the readers of one data set, or of both domains; none of data that has none."""
    if "sets" in data:
        sets = instantiate(data["sets"])
        return [find_digit_set(sets, data[domain], f"data.{domain}")() for domain in DOMAINS]
    if is_pair(data):
        roots: dict[Domain, str] = {domain: data[f"{domain}_root"] for domain in DOMAINS}
        reader = functools.partial(instantiate(data["reader"]), crop=data["crop"])
        return [*open_domains(reader, roots, data["labels"], data["labelled"]).values()]
    return [reader_of(data)] if "reader" in data else []


def completed(config: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with the labels and classes that `preflight` found, where it says nothing of them."""
    given = {key: found[key] for key in ("labels", "classes") if found.get(key)}
    return {**config, **{key: value for key, value in given.items() if config.get(key) is None}}


def _labels_of(reader: Reader, attributes: list[str] | None) -> tuple[list[str], dict[str, list[str]]]:
    """Return the labels of a reader that the data module delivers, and the names of their values."""
    labels = select_attributes(attributes, reader.attributes())
    check_names(labels, reader.name)
    return labels, {name: names for name, names in classes_of(reader).items() if name in labels}


def _check_fixed_label(network: Mapping[str, Any], labels: list[str]) -> None:
    """Check that the data has the label of a network that knows but one."""
    fixed = constant(network.get("_target_", ""), "labels") if "labels" not in network else None
    if fixed and fixed[0] not in labels:
        raise ConfigError(
            f"model.network: {network['_target_'].rpartition('.')[2]} knows the label {fixed[0]} alone, and the data "
            f"has {', '.join(labels)}; write model/network=compact_images"
        )


def _fill_in(model: Mapping[str, Any], labels: list[str], classes: Mapping[str, list[str]]) -> None:
    """Fill in what a model's network leaves open: its labels, and the names of their values."""
    network, name = model.get("network") or {}, model.get("_target_", "").rpartition(".")[2]
    if "labels" in network and network["labels"] is None:
        if not labels:
            raise ConfigError(
                f"labels: {name} learns labels, and the data has none; give it some (a folder for each class, or a "
                "table of labels), or choose model=gan or vae"
            )
        network["labels"] = labels
    used = {label: classes[label] for label in network.get("labels") or () if label in classes}
    if alone := [label for label, names in used.items() if len(names) < 2]:
        raise ConfigError(f"labels: {alone[0]} is {used[alone[0]][0]} for all images; leave it out of labels")
    if used and network.get("classes") is None:
        if "classes" not in (signature(network["_target_"]) or {}):
            kind = network["_target_"].rpartition(".")[2]
            raise ConfigError(f"model.network: {kind} has no parameter `classes`, which these labels need")
        network["classes"] = used


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
        kind = "one data set, e.g. data=mnistm" if pair else "a pair of data sets, e.g. data=digits_mnist5k"
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
