"""Two digit sets for unsupervised domain adaptation: a labelled source and an unlabelled target."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from adversaria.config.types import Batch, Domain, NonNegativeInt, OnBadImage, PositiveInt, Split, ValueRange
from adversaria.speed.recorded_steps import GraphReplayer
from datamodules.augmentation import Augmentation
from datamodules.batch_loader import BatchLoader, Resumable
from datamodules.images import ImagesDataModule, normalize
from datamodules.readers import SPLITS, Reader, check_value_range, choose_set


class DigitPairDataModule(pl.LightningDataModule):
    """Batches of two digit sets, RGB, of one size and one range.

    A training batch is `{"source": (b, 3, s, s), "labels": (b,), "target": (b, 3, s, s)}`: labels of the target have
    no place in it. Validation batches are `{"image", "labels"}` of held-out images of the labelled domain, test
    batches, and those to predict on, the same of the target's `test_split`. An epoch is one pass over the larger of
    both training sets, whosever labels are trained on; the smaller one starts again, in another order.

    Args:
        sets: factories of the digit sets (`datamodules.readers`) by name.
        source: name of the set with labels.
        target: name of the set to adapt to.
        labelled: whose labels are trained on: `target` puts its training images in the place of the source's, for the
            upper bound.
        root: not read here; the sets' own `root` refers to it.
        image_size: side of the images in pixels.
        batch_size: images of each domain a step and device.
        value_range: what 0 and 255 become, for both domains.
        augmentation: of training images on the device; None for none.
        target_augmentation: of the target's; None for the same as the source's.
        on_bad_image: `error`, or `skip` to leave unreadable images out and count them.
        cache_dir: folder of the array cache.
        seed: of the order of the training images.
    """

    test_split: Split = "test"
    keep_on_gpu = False  # the training images, where they fit
    cuda_graphs = False  # record what is done to each batch

    def __init__(
        self,
        sets: dict[str, Callable[[], Reader]],
        source: str,
        target: str,
        labelled: Domain = "source",
        root: str | None = None,
        image_size: PositiveInt = 28,
        batch_size: PositiveInt = 64,
        value_range: ValueRange = (-1.0, 1.0),
        augmentation: Augmentation | None = None,
        target_augmentation: Augmentation | None = None,
        on_bad_image: OnBadImage = "error",
        cache_dir: str = ".cache",
        seed: NonNegativeInt = 0,
    ) -> None:
        super().__init__()
        self.image_size, self.batch_size, self.labelled = image_size, batch_size, labelled
        self.value_range = check_value_range(value_range)
        self.names = {"source": source, "target": target}
        augmentations = {"source": augmentation, "target": target_augmentation or augmentation}
        self.augmentation = {"source": augmentations[labelled], "target": augmentations["target"]}
        options: dict[str, Any] = {
            "image_size": image_size,
            "batch_size": batch_size,
            "value_range": value_range,
            "on_bad_image": on_bad_image,
            "cache_dir": cache_dir,
        }
        self.domains = {
            domain: ImagesDataModule(choose_set(sets, name, f"data.{domain}"), seed=seed + i, **options)
            for i, (domain, name) in enumerate(self.names.items())
        }
        self.attributes = self.domains["target"].attributes
        self._recorder: GraphReplayer | None = None

    def prepare_data(self) -> None:
        """Build the caches if need be; Lightning calls this in one process a machine."""
        for domain in self.domains.values():
            domain.prepare_data()

    def setup(self, stage: str | None = None) -> None:
        """Open the caches and check the batch size against both training sets."""
        for domain in self.domains.values():
            domain.trainer, domain.keep_on_gpu = self.trainer, self.keep_on_gpu
            domain.setup(stage)

    def train_dataloader(self) -> PairLoader:
        """Return the loader of both domains."""
        gpu, alone = self.domains["target"].gpu, self.domains["target"].world_size == 1
        if self.cuda_graphs and gpu is not None and alone and any(self.augmentation.values()):
            self._recorder = GraphReplayer(gpu)
        loaders = {domain: data.train_dataloader() for domain, data in self.domains.items()}
        labelled = self.domains[self.labelled].train_dataloader()  # another one than the target's, with its own order
        return PairLoader(labelled, loaders["target"], max(len(loader) for loader in loaders.values()))

    def val_dataloader(self) -> BatchLoader:
        """Return the held-out images of the labelled domain."""
        return self.domains[self.labelled].val_dataloader()

    def test_dataloader(self) -> BatchLoader:
        """Return the target's images to test on."""
        return self.domains["target"].loader(self.test_split)

    predict_dataloader = test_dataloader

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Normalise, and augment what is trained on, on the device."""
        if self._recorder is not None and self.trainer is not None and self.trainer.training:
            finished: Batch = self._recorder.run("batch", self._finished, batch)
            return finished
        return self._finished(batch)

    def _finished(self, batch: Batch) -> Batch:
        return {key: self._finish(key, value) if value.dtype == torch.uint8 else value for key, value in batch.items()}

    def _finish(self, key: str, image: Tensor) -> Tensor:
        augmentation = self.augmentation.get(key)
        image = normalize(image, (0, 1) if augmentation else self.value_range)
        if augmentation is None:
            return image
        low, high = self.value_range
        return augmentation(image).mul_(high - low).add_(low)

    def pixels(self, domain: Domain, split: str, count: int | None = None) -> Batch:
        """Return the first `count` items of a domain's split, all by default, as one uint8 batch on the CPU."""
        return self.domains[domain].pixels(split, count)

    def describe(self) -> dict[str, Any]:
        """Return the part of the protocol that is about the data; `adversaria.runs.labels` explains the keys."""
        return {
            **self.names,
            "labelled": self.labelled,
            **{
                f"n_{split}_{domain}": len(data.cache.splits[split])
                for domain, data in self.domains.items()
                for split in SPLITS
            },
            "image_size": self.image_size,
            "value_range": list(self.value_range),
            "augmentation": str(self.augmentation["source"] or "") or "none",
            "target_augmentation": str(self.augmentation["target"] or "") or "none",
            "batch_size": self.batch_size,
        }


class PairLoader(Resumable):
    """Iterate over batches of two loaders side by side; one that ends starts again, in a new order.

    Args:
        labelled: gives `source` and `labels`.
        unlabelled: gives `target`; its labels are dropped here.
        batches: number of batches in an epoch.
    """

    def __init__(self, labelled: BatchLoader, unlabelled: BatchLoader, batches: int) -> None:
        super().__init__()
        self.labelled, self.unlabelled, self.batches = labelled, unlabelled, batches
        self.sampler, self.epoch = self, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls it, on `sampler`, at the start of each."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Batch]:
        sides: list[Iterator[Batch]] = []
        for number in self.rest(self.epoch, len(self)):
            sides = sides or [self._endless(loader, number) for loader in (self.labelled, self.unlabelled)]
            labelled, unlabelled = map(next, sides)
            yield {"source": labelled["image"], "labels": labelled["labels"][:, 0], "target": unlabelled["image"]}

    def _endless(self, loader: BatchLoader, first: int) -> Iterator[Batch]:
        passes = -(-len(self) // len(loader))  # in an epoch; each pass has an order of its own
        done, first = divmod(first, len(loader))
        for number in itertools.count(self.epoch * passes + done):
            loader.sampler.set_epoch(number)
            loader.load_state_dict({"epoch": number, "delivered": first})
            yield from loader
            first = 0
