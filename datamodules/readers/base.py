"""What every reader offers to the rest of the project, and what readers share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, get_args

from adversaria.config.errors import DataError
from adversaria.config.instantiate import instantiate
from adversaria.config.types import Split

if TYPE_CHECKING:  # importing numpy would delay a configuration error by a tenth of a second
    import numpy as np

SPLITS: tuple[str, ...] = get_args(Split)


@dataclass(frozen=True)
class SplitIndex:
    """One split of a data set: the names of its images and their labels, without the images themselves.

    Attributes:
        names: n image names, in whatever form the reader's `read` understands.
        labels: (n, k) int8, or int16 where a label has more than 127 values. One column for each label: 0 or 1 for an
            attribute, 0 to 9 for `digit`, 0 to k - 1 for one of k classes. -1 where a label is not known, which only
            test images of a target may have.
    """

    names: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.names)


class Reader(Protocol):
    """What `datamodules.array_cache` and `datamodules.preflight` need of a reader.

    One whose labels have named classes also has `classes(self) -> dict[str, list[str]]`, label -> names of its values
    in their order, which is as quick as `attributes`; `datamodules.labels.classes_of` asks for it.
    """

    name: str

    def attributes(self) -> list[str]:
        """Return the names of the label columns; this is quick.

        Raises:
            DataError: the data is missing.
        """

    def fingerprint(self) -> dict[str, Any]:
        """Return everything but the image size that the cached arrays depend on: files read, options, code version."""

    def splits(self) -> Mapping[str, SplitIndex]:
        """Return the splits `train`, `val` and `test`."""

    def read(self, name: str, size: int) -> np.ndarray:
        """Return one image, (size, size, 3) uint8. Several threads call this at once.

        Raises:
            DataError: the image is missing or damaged; the message names the file.
        """


def open_reader(factory: Any, root: str | None) -> Reader:
    """Build a reader; the factory of one that reads files is given the data root."""
    reader: Reader = factory() if root is None else factory(root=root)
    return reader


def reader_of(data: Mapping[str, Any]) -> Reader:
    """Build the reader that the group `data` of a plain configuration describes."""
    given = {key: data[key] for key in ("root", "name", "crop") if data.get(key) is not None}
    reader: Reader = instantiate(data["reader"])(**given)
    return reader


def not_found(what: str, looked: list[Any], layouts: str, cure: str) -> DataError:
    """Return the error for missing data. It says where the data was looked for, which files are read, and the cure."""
    places = ", ".join(str(p) for p in looked)
    return DataError(f"{what} not found: looked in {places}; it reads {layouts}; {cure}")
