"""A loader of pairs of batches, one of each domain."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from adversaria.config.types import Batch
from datamodules.batch_loader import BatchLoader, ResumableLoader


class PairLoader(ResumableLoader):
    """Iterate over the batches of two loaders together; a loader that ends starts again, in a new order.

    It is its own `sampler`, so that Lightning tells it the epoch; see `ResumableLoader`.

    Args:
        labelled: delivers `source` and `labels`.
        unlabelled: delivers `target`; its labels are dropped here.
        batches: number of batches in an epoch.
    """

    def __init__(self, labelled: BatchLoader, unlabelled: BatchLoader, batches: int) -> None:
        super().__init__()
        self.labelled, self.unlabelled, self.batches = labelled, unlabelled, batches
        self.sampler, self.epoch = self, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls this at the start of each, see `ResumableLoader`."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Batch]:
        loaders: list[Iterator[Batch]] = []
        for number in self.remaining_batches(self.epoch, len(self)):
            loaders = loaders or [self._endless(loader, number) for loader in (self.labelled, self.unlabelled)]
            labelled, unlabelled = map(next, loaders)
            yield {"source": labelled["image"], "labels": labelled["labels"][:, 0], "target": unlabelled["image"]}

    def _endless(self, loader: BatchLoader, first: int) -> Iterator[Batch]:
        """Yield the loader's batches for ever, from number `first` of this epoch; each pass has its own order."""
        passes = -(-len(self) // len(loader))  # in an epoch
        done, first = divmod(first, len(loader))
        for number in itertools.count(self.epoch * passes + done):
            loader.sampler.set_epoch(number)
            loader.load_state_dict({"epoch": number, "delivered": first})
            yield from loader
            first = 0
