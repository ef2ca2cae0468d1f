"""What readers of somebody's own images share: labels, parts, checks, and what is told of them."""

from __future__ import annotations

import abc
import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from adversaria.config.errors import ConfigError, DataError
from adversaria.config.types import Crop
from datamodules.readers.base import SPLITS, SplitIndex
from datamodules.readers.found import Found
from datamodules.readers.listing import numbered
from datamodules.readers.parts import absent
from datamodules.readers.tally import Tally

SHOWN = 8  # labels, classes and kinds of files that a line names


class OwnImages(abc.ABC):
    """Base of the readers of anyone's images; it says of what it reads how much there is and what became of it.

    Args:
        place: where the images are, for messages.
        crop: which square of an image is used.
    """

    name: str

    def __init__(self, place: str, crop: Crop) -> None:
        self.place, self.crop = place, crop
        self.tally = Tally()

    @abc.abstractmethod
    def find(self) -> Found:
        """Look for images and labels; nothing is decoded.

        Raises:
            DataError: there are none, or they cannot be used.
        """

    @abc.abstractmethod
    def fingerprint(self) -> dict[str, Any]:
        """Return what shows that an image or a label was replaced."""

    @abc.abstractmethod
    def read(self, name: str, size: int) -> np.ndarray:
        """Return one image, (size, size, 3) uint8."""

    @property
    def title(self) -> str:
        """What tells these images from those of others, for the names of metrics and files."""
        return f"{self.name}_{re.sub(r'[^a-zA-Z0-9._]+', '-', Path(self.place).stem).strip('-')}"

    @functools.cached_property
    def found(self) -> Found:
        """What is there."""
        return self.find()

    def attributes(self) -> list[str]:
        """Return the names of the labels."""
        return [column.name for column in self.found.columns]

    def classes(self) -> dict[str, list[str]]:
        """Return the names of the values of the labels that are not binary attributes."""
        return {column.name: column.classes for column in self.found.columns if column.classes is not None}

    def splits(self) -> dict[str, SplitIndex]:
        """Return the splits, in the order of the numbers in the names: the first images are of all classes."""
        found = self.found
        order = np.array(sorted(range(len(found.names)), key=lambda row: numbered(found.names[row])), int)
        rows = {split: order[found.parts[order] == i] for i, split in enumerate(SPLITS)}
        return {
            split: SplitIndex([found.names[i] for i in chosen], found.labels[chosen]) for split, chosen in rows.items()
        }

    def check(self, model: str, wanted: Sequence[str] | None, batch_size: int | None) -> None:
        """Check that the images suffice for a model; this decodes none.

        Args:
            model: its name, for the errors.
            wanted: the labels that it is trained on, an empty list for all; None for a model without labels.
            batch_size: images of a batch.

        Raises:
            DataError: there are fewer than three images, no labels, or too few images of a class.
            ConfigError: the training images do not fill a batch.
        """
        found = self.found
        if len(found.names) < len(SPLITS):
            raise DataError(
                f"{self.place} has {len(found.names)} image{'s' * (len(found.names) > 1)}, and training, validation "
                "and test need one each; add images"
            )
        if wanted is not None:
            if not found.columns:
                raise DataError(f"{model} needs labels, and {self.place} has none: {found.no_labels}")
            self._check_classes(wanted or self.attributes())
        train = int((found.parts == 0).sum())
        if batch_size is not None and batch_size > train:
            raise ConfigError(
                f"data.batch_size={batch_size}: {self.place} has only {train} training images; add images, or set "
                f"data.batch_size={1 << (train.bit_length() - 1)}"
            )

    def _check_classes(self, wanted: Sequence[str]) -> None:
        found = self.found
        if found.given is not None and all((found.given == i).any() for i in range(len(SPLITS))):
            return  # nothing is cut
        for column, value in absent(found.labels, found.parts):
            label = found.columns[column]
            if label.name in wanted:
                value_name = label.classes[value] if label.classes is not None else str(value)
                count = list(label.counts().values())[value]
                raise DataError(
                    f"{self.place} has {count} image{'s' * (count > 1)} with {label.name}={value_name}, too few for "
                    f"training, validation and test; add some, remove {value_name}, or leave {label.name} out of "
                    "labels=[…]"
                )

    def describe(self, notes: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a run's record says of the images; `notes` is what the tally found when they were decoded."""
        return {
            "crop": self.crop,
            "parted_by": self.found.parted_by,
            "label_counts": {column.name: column.counts() for column in self.found.columns},
            **notes,
            "left_out": self.found.left_out,
        }

    def sentences(self, notes: Mapping[str, Any], skipped: int) -> list[str]:
        """Return three lines for people: the images, their labels, and what was converted or left out."""
        found = self.found
        counts = ", ".join(f"{(found.parts == i).sum():,} {split}" for i, split in enumerate(SPLITS))
        labels = [f"{column.name} ({shown(column.counts())})" for column in found.columns]
        sizes = " to ".join(f"{width}x{height}" for width, height in notes.get("sizes", []))
        left_out = {**({"unreadable": skipped} if skipped else {}), **found.left_out}
        linked = f" ({found.elsewhere:,} by links that lead out of it)" if found.elsewhere else ""
        unread = f" ({skipped:,} of them unreadable)" if skipped else ""
        return [
            f"{self.place}: {len(found.names):,} images{linked}{unread}, {counts}, parted by {found.parted_by}",
            f"labels: {_cut_short(labels)}" if labels else f"no labels: {found.no_labels}",
            f"{sizes} pixels, data.crop={self.crop}; converted: {shown(notes.get('converted', {})) or 'none'}; "
            f"left out: {shown(left_out) or 'none'}",
        ]


def shown(counts: Mapping[str, int]) -> str:
    """Write numbers of things, the first few of many."""
    return _cut_short([f"{count:,} {what}" for what, count in counts.items()])


def _cut_short(items: Sequence[str]) -> str:
    more = [f"and {len(items) - SHOWN} more"] if len(items) > SHOWN else []
    return ", ".join([*items[:SHOWN], *more])
