"""The labels that a network knows, among all that a data set has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from adversaria.config.types import Batch, Classes
from datamodules.labels import check_same_classes, label_columns, label_sizes


class LabelColumns:
    """Takes a network's labels from batches; until `find` is called, all labels in the order of the batch.

    Args:
        names: of the network's labels.
        classes: the names of the values of those that have some.

    Attributes:
        sizes: number of values of each label.
    """

    def __init__(self, names: Sequence[str], classes: Classes | None = None) -> None:
        self.names, self.classes, self.sizes = list(names), classes or {}, label_sizes(names, classes)
        self._columns = list(range(len(names)))

    def find(self, datamodule: Any) -> None:
        """Find the labels among those of the data.

        Raises:
            ConfigError: the data lacks one, and the message names the nearest that it has; or it has other values.
        """
        self._columns = label_columns(self.names, datamodule.attributes, "model.network.labels")
        check_same_classes(self.names, self.classes, getattr(datamodule, "classes", {}))

    def of(self, batch: Batch) -> Tensor:
        """Return the labels of a batch, (n, k) int64."""
        return torch.stack([batch["labels"][:, column] for column in self._columns], 1).long()

    def cycle(self, count: int, device: torch.device) -> Tensor:
        """Return `count` labels that cycle through all combinations of values, (count, k)."""
        order = torch.arange(count, device=device)
        columns = []
        for size in self.sizes:
            columns.append(order % size)
            order = order // size
        return torch.stack(columns, 1)
