"""What a reader of anyone's images finds before it decodes any."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from datamodules.readers.base import SPLITS
from datamodules.readers.label_columns import LabelColumn
from datamodules.readers.parts import cut


@dataclass(frozen=True)
class Found:
    """What was found, before anything is decoded.

    Attributes:
        names: n names of images, as `read` understands them.
        keys: n names whose hashes part the images; they are the same wherever the images are.
        columns: the labels.
        no_labels: why there is none, and what to do.
        given: (n,) the part of each image that somebody gave it, as `parts.cut` takes them; None if nobody did.
        given_by: what gave the parts.
        left_out: what was found and is not used: kind -> number.
        elsewhere: how many images are outside the place, where links lead.
    """

    names: list[str]
    keys: list[str]
    columns: list[LabelColumn]
    no_labels: str
    given: np.ndarray | None
    given_by: str
    left_out: dict[str, int]
    elsewhere: int = 0

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """The labels, (n, k) int8, or int16 where a label has more than 127 values."""
        values = [column.values for column in self.columns] or [np.zeros((0, len(self.names)), np.int16)]
        labels = np.vstack(values).T
        return labels.astype(np.int8) if labels.max(initial=0) <= np.iinfo(np.int8).max else labels

    @property
    def parted_by(self) -> str:
        """What parted the images, for people."""
        cut_off = [split for i, split in enumerate(SPLITS) if self.given is not None and not (self.given == i).any()]
        if self.given is None:
            return "a hash of the names"
        return f"{self.given_by}; {' and '.join(cut_off)} by a hash of the names" if cut_off else self.given_by

    @functools.cached_property
    def parts(self) -> np.ndarray:
        """The part of each image, (n,): its place in `SPLITS`."""
        return cut(self.keys, self.labels, self.given)
