"""A loader that gathers whole batches from arrays.

The usual pipeline fetches item by item and stacks; over an array that is several hundred times slower than one
gather a batch, and with so little left to do worker processes only add latency.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adversaria.config.types import Batch
from datamodules.array_cache import ArraySplit


class EpochSampler:
    """The order of a split: a permutation that is a function of (seed, epoch) alone, sharded over ranks.

    For training every rank gets equally many indices, so that no rank waits for a batch that never comes; for
    evaluation the shards differ by at most one and no index appears twice.

    Args:
        length: number of items.
        shuffle: False for the natural order.
        seed: of the permutation.
        rank: of this process among `world_size`.
        world_size: number of processes.
    """

    def __init__(self, length: int, shuffle: bool, seed: int = 0, rank: int = 0, world_size: int = 1) -> None:
        self.length, self.shuffle, self.seed = length, shuffle, seed
        self.rank, self.world_size = rank, world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls it at the start of each."""
        self.epoch = epoch

    def __len__(self) -> int:
        if self.shuffle:
            return self.length // self.world_size
        return len(range(self.rank, self.length, self.world_size))

    def indices(self) -> np.ndarray:
        """Return this rank's indices for the current epoch, (len(self),) int64."""
        if not self.shuffle:
            return np.arange(self.rank, self.length, self.world_size)
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        return order[self.rank :: self.world_size][: len(self)]


class Resumable:
    """A loader whose epoch, stopped in its midst, goes on with the batches left: checkpoints keep its state."""

    batch_sampler = None  # Lightning asks for it wherever there is a `sampler`

    def __init__(self) -> None:
        self._state = {"epoch": 0, "delivered": 0}
        self._resumed = self._state

    def rest(self, epoch: int, batches: int) -> Iterator[int]:
        """Yield the numbers of the batches of an epoch; without those delivered before, where it is the resumed one."""
        resumed, self._resumed = self._resumed, {"epoch": 0, "delivered": 0}
        for number in range(resumed["delivered"] if epoch == resumed["epoch"] else 0, batches):
            self._state = {"epoch": epoch, "delivered": number + 1}
            yield number

    def state_dict(self) -> dict[str, int]:
        """Return how many batches of which epoch were delivered."""
        return self._state

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Let the next epoch go on from there, if it is that one."""
        self._resumed = state


class BatchLoader(Resumable):
    """Iterate over batches `{"image": (b, 3, h, w) uint8, "labels": (b, k) int8}` of an `ArraySplit`.

    Images are laid out channels-last, as they are stored. The last batch is dropped if `drop_last`.

    Args:
        split: the arrays.
        batch_size: images a batch and rank.
        order: which images, in which order; Lightning finds it as `sampler` and tells it the epoch.
        columns: the label columns to deliver; None for all.
        drop_last: leave out an incomplete last batch.
        pin_memory: deliver page-locked tensors, for asynchronous copies to a GPU.
        device: a GPU to keep the arrays on, and to deliver from; None to read them as they are.
    """

    def __init__(
        self,
        split: ArraySplit,
        batch_size: int,
        order: EpochSampler,
        columns: list[int] | None = None,
        drop_last: bool = False,
        pin_memory: bool = False,
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        labels = np.ascontiguousarray(split.labels if columns is None else split.labels[:, columns])
        self.images: Any = split.images if device is None else torch.tensor(split.images, device=device)
        self.labels: Any = labels if device is None else torch.tensor(labels, device=device)
        self.device = device
        self.batch_size, self.sampler = batch_size, order
        self.drop_last, self.pin_memory = drop_last, pin_memory

    def __len__(self) -> int:
        batches = len(self.sampler) / self.batch_size
        return int(batches) if self.drop_last else math.ceil(batches)

    def __iter__(self) -> Iterator[Batch]:
        indices: Any = self.sampler.indices()
        if self.device is not None:
            indices = torch.from_numpy(indices).to(self.device)
        for i in self.rest(self.sampler.epoch, len(self)):
            yield self.gather(indices[i * self.batch_size : (i + 1) * self.batch_size])

    def gather(self, indices: np.ndarray | Tensor) -> Batch:
        """Return the batch of these images, in this order."""
        image = torch.as_tensor(self.images[indices]).permute(0, 3, 1, 2)
        batch = {"image": image, "labels": torch.as_tensor(self.labels[indices])}
        return {k: v.pin_memory() for k, v in batch.items()} if self.pin_memory else batch
