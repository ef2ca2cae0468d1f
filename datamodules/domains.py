"""The two domains of a pair as far as no torch is needed: their names, and their readers with matched classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError, DataError, suggest
from adversaria.config.labels import listed, value_names
from adversaria.config.types import Domain
from datamodules.labels import classes_of
from datamodules.readers.base import Reader

if TYPE_CHECKING:  # it imports numpy
    from datamodules.readers.matched import Matched

DOMAINS: tuple[Domain, Domain] = ("source", "target")


def is_pair(data: Mapping[str, Any]) -> bool:
    """Tell whether a plain configuration of data is one of two domains."""
    return "sets" in data or "target_root" in data


def domain_names(data: Mapping[str, Any]) -> dict[Domain, str]:
    """Name the domains of a pair: as configured, else by the last parts of their folders that differ.

    Those of `office/amazon/images` and `office/dslr/images` are `amazon` and `dslr`.
    """
    names: dict[Domain, str] = {domain: data[domain] for domain in DOMAINS if data.get(domain)}
    if len(names) < 2:
        parts = [reversed(Path(data[f"{domain}_root"]).absolute().parts) for domain in DOMAINS]
        differing = next((ends for ends in zip(*parts, strict=False) if len(set(ends)) > 1), DOMAINS)
        names = {**dict(zip(DOMAINS, differing, strict=True)), **names}
    return names


def open_domains(
    reader: Callable[..., Reader], roots: Mapping[Domain, str], labels: Sequence[str] | None, labelled: Domain
) -> dict[Domain, Matched]:
    """Open the readers of two domains, whose classes are matched by their names.

    Args:
        reader: factory of a reader, given `root`.
        roots: where the source and the target are.
        labels: the name of the one label.
        labelled: the domain whose labels are trained on.

    Raises:
        ConfigError: several labels, or none; training on labels that the target lacks.
        DataError: the data is missing, the source has no such label, or the target has classes that the source lacks.
    """
    from datamodules.readers.matched import Matched

    if not labels or len(labels) != 1:
        raise ConfigError(f"labels=[{','.join(labels or ())}]: adaptation is of one label; write e.g. labels=[class]")
    (label,) = labels
    readers = {domain: reader(root=roots[domain]) for domain in DOMAINS}
    classes = {domain: _classes(readers[domain], label, f"data.{domain}_root") for domain in DOMAINS}
    names, others = classes["source"], classes["target"]
    folders = "put its images into a folder for each of two classes or more"
    cure = folders if label == "class" else f"add a column {label} to its table of labels"
    if names is None:
        raise DataError(f"data.source_root={roots['source']}: the source has no label {label}; {cure}")
    if others is None and labelled == "target":
        raise ConfigError(
            f"data.target_root={roots['target']}: the target has no label {label} to train on; {cure}, or choose "
            "another model, e.g. model=source_only"
        )
    if unknown := [name for name in others or () if name not in names]:
        raise DataError(
            f"data.target_root={roots['target']}: the source lacks the {label} {listed(unknown)}"
            f"{suggest(unknown[0], names)}; classes are matched by name, and the source has {listed(names)}: rename "
            "those of the target, take them out, or put all its images into one folder to use none of its labels"
        )
    return {domain: Matched(readers[domain], label, names, domain == labelled) for domain in DOMAINS}


def _classes(reader: Reader, label: str, key: str) -> list[str] | None:
    """Return the names of a label's values, None where the reader has no such label."""
    try:
        return value_names(label, classes_of(reader)) if label in reader.attributes() else None
    except DataError as error:
        raise DataError(str(error).replace("data.root", key)) from error
