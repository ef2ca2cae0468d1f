"""Loaders that gather whole batches from arrays.

A `torch.utils.data.DataLoader` fetches single items and stacks them. Over an array that is several hundred times slower
than one indexing operation a batch, which is so fast that worker processes would only add latency.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from adversaria.config.types import Batch
from datamodules.array_cache import ArraySplit


class EpochSampler:
    """The order of a split's items in an epoch: a permutation that depends on (seed, epoch) alone, divided over ranks.

    If shuffled, for training, every rank gets equally many indices, so that no rank waits for a batch that never comes.
    Otherwise, for evaluation, the numbers of indices differ by at most one, and no index appears twice.

    Args:
        length: number of items.
        shuffle: whether to permute the items in each epoch; otherwise they keep their order.
        seed: seed of the permutations.
        rank: number of this process, from 0.
        world_size: number of processes.
    """

    def __init__(self, length: int, shuffle: bool, seed: int = 0, rank: int = 0, world_size: int = 1) -> None:
        self.length, self.shuffle, self.seed = length, shuffle, seed
        self.rank, self.world_size = rank, world_size
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls this at the start of each, see `ResumableLoader`."""
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


class HasEpoch(Protocol):
    """What Lightning calls on `loader.sampler`."""

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch."""


class ResumableLoader:
    """Base class of the loaders; an epoch that was interrupted continues with the batches that are left.

    Lightning's checkpoints keep the state through `state_dict` and `load_state_dict`, which is documented. The epoch
    comes by a private way: `lightning_fabric.utilities.data._set_sampler_epoch` calls `set_epoch` on the attribute
    `sampler` of any loader at the start of each epoch, and wherever Lightning finds `sampler` it also reads
    `batch_sampler`. If Lightning stops doing so, every epoch has the batches of the first one, in the same order, and
    resuming in the middle of an epoch repeats batches. `tests/datamodules/test_lightning_epochs.py` notices that.
    """

    sampler: HasEpoch
    batch_sampler = None

    def __init__(self) -> None:
        self._state = {"epoch": 0, "delivered": 0}
        self._resumed = self._state

    def remaining_batches(self, epoch: int, batches: int) -> Iterator[int]:
        """Yield the numbers of an epoch's batches; in a resumed epoch, without those that were delivered before."""
        resumed, self._resumed = self._resumed, {"epoch": 0, "delivered": 0}
        for number in range(resumed["delivered"] if epoch == resumed["epoch"] else 0, batches):
            self._state = {"epoch": epoch, "delivered": number + 1}
            yield number

    def state_dict(self) -> dict[str, int]:
        """Return the epoch and how many of its batches were delivered."""
        return self._state

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Continue from this state, if the next epoch is the one that was interrupted."""
        self._resumed = state


class BatchLoader(ResumableLoader):
    """Iterate over batches `{"image": (b, 3, h, w) uint8, "labels": (b, k) int8}` of an `ArraySplit`.

    The memory layout of the images is channels-last, as in the arrays.

    Args:
        split: the arrays.
        batch_size: images in a batch of one rank.
        sampler: the order of the images in each epoch.
        columns: indices of the label columns to deliver; None for all.
        drop_last: whether to drop an incomplete last batch.
        pin_memory: whether to deliver page-locked tensors, for asynchronous copies to a GPU.
        device: a GPU on which to keep a copy of the arrays and deliver batches; None to read the arrays in place.
    """

    sampler: EpochSampler

    def __init__(
        self,
        split: ArraySplit,
        batch_size: int,
        sampler: EpochSampler,
        columns: list[int] | None = None,
        drop_last: bool = False,
        pin_memory: bool = False,
        device: torch.device | None = None,
    ) -> None:
        super().__init__()
        labels = np.ascontiguousarray(split.labels if columns is None else split.labels[:, columns])
        # a mapped file as a plain array, whose items take less time to find
        self.images: Any = np.asarray(split.images) if device is None else torch.tensor(split.images, device=device)
        self.labels: Any = labels if device is None else torch.tensor(labels, device=device)
        self.device = device
        self.batch_size, self.sampler = batch_size, sampler
        self.drop_last, self.pin_memory = drop_last, pin_memory

    def __len__(self) -> int:
        batches = len(self.sampler) / self.batch_size
        return int(batches) if self.drop_last else math.ceil(batches)

    def __iter__(self) -> Iterator[Batch]:
        indices: Any = self.sampler.indices()
        if self.device is not None:
            indices = torch.from_numpy(indices).to(self.device)
        for i in self.remaining_batches(self.sampler.epoch, len(self)):
            yield self.gather(indices[i * self.batch_size : (i + 1) * self.batch_size])

    def gather(self, indices: np.ndarray | Tensor) -> Batch:
        """Return the images and labels with these indices, in this order, as one batch."""
        image = torch.as_tensor(self.images[indices]).permute(0, 3, 1, 2)
        batch = {"image": image, "labels": torch.as_tensor(self.labels[indices])}
        return {k: v.pin_memory() for k, v in batch.items()} if self.pin_memory else batch
