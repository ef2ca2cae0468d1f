"""Readers of data sets, one on-disk layout each. They import no torch and never write to the data root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from adversaria.config.errors import ConfigError, DataError, suggest
from adversaria.config.instantiate import instantiate
from datamodules.labels import select_attributes

if TYPE_CHECKING:  # a tenth of a second before a configuration error
    import numpy as np

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitIndex:
    """One split of a source: the names of its images and their labels.

    Attributes:
        names: n image names, whatever `Reader.read` understands.
        labels: (n, k) int8, one column each: 0 or 1 for an attribute, 0 to 9 for `digit`.
    """

    names: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.names)


class Reader(Protocol):
    """What `datamodules.array_cache` asks of a source."""

    name: str

    def attributes(self) -> list[str]:
        """Return the names of the label columns. Cheap; raises DataError where the data is missing."""

    def fingerprint(self) -> dict[str, Any]:
        """Return what the arrays depend on besides the image size: files read, recipe, seed."""

    def tables(self) -> Mapping[str, SplitIndex]:
        """Return the splits `train`, `val` and `test`."""

    def read(self, name: str, size: int) -> np.ndarray:
        """Return one image, (size, size, 3) uint8. Called from several threads at once.

        Raises:
            DataError: the image is missing or damaged; the message names the file.
        """


def check_value_range(value_range: Sequence[float]) -> tuple[float, float]:
    """Return the range as a tuple.

    Raises:
        ConfigError: it is empty.
    """
    low, high = map(float, value_range)
    if not low < high:
        raise ConfigError(f"data.value_range=[{low:g}, {high:g}]: the first value must be below the second")
    return low, high


def preflight(data: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    """Check that the data of a configuration is there and has the labels asked for, without torch.

    Raises:
        ConfigError, DataError: as `Reader.attributes`, `select_attributes` and `check_value_range` do.
    """
    if "value_range" in data:
        check_value_range(data["value_range"])
    if "sets" in data:
        readers = [choose_set(instantiate(data["sets"]), data[key], f"data.{key}")() for key in ("source", "target")]
    elif "reader" in data:
        readers = [open_reader(instantiate(data["reader"]), data.get("root"))]
    else:
        return
    for reader in readers:
        delivered = select_attributes(data.get("attributes"), reader.attributes())
        select_attributes((model.get("network") or {}).get("labels"), delivered, "labels")


def choose_set(sets: Mapping[str, Any], name: str, key: str) -> Any:
    """Return the factory of a digit set by its name; `key` is the configuration key to name in the error.

    Raises:
        ConfigError: there is no such set.
    """
    if name not in sets:
        raise ConfigError(f"{key}={name}: there is no such set{suggest(name, list(sets))}")
    return sets[name]


def open_reader(factory: Any, root: str | None) -> Reader:
    """Build a reader from its factory; those that read files get the data root."""
    reader: Reader = factory() if root is None else factory(root=root)
    return reader


def not_found(what: str, looked: list[Any], layouts: str, cure: str) -> DataError:
    """Return the error for missing data: where it was looked for, what is read, how to get it."""
    places = ", ".join(str(p) for p in looked)
    return DataError(f"{what} not found: looked in {places}; it reads {layouts}; {cure}")
