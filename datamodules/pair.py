"""The LightningDataModule of two domains for unsupervised domain adaptation, a labelled source and a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from adversaria.config.labels import DIGIT
from adversaria.config.types import Batch, Domain, OnBadImage, PositiveInt, Seed, Split, ValueRange
from adversaria.speed.recorded_steps import GraphReplayer
from datamodules.augmentation import Augmentation
from datamodules.batch_loader import BatchLoader
from datamodules.images import ImagesDataModule, normalize
from datamodules.pair_loader import PairLoader
from datamodules.preflight import check_value_range
from datamodules.readers.base import SPLITS, Reader


class PairDataModule(pl.LightningDataModule):
    """Batches of two domains, RGB, with images of the same size and range. A subclass opens their readers.

    A training batch is `{"source": (b, 3, s, s), "labels": (b,), "target": (b, 3, s, s)}`: it has no labels of the
    target. Validation batches are `{"image", "labels"}` of held-out images of the labelled domain. Batches to test or
    predict on are the same of the target's `test_split`. An epoch is one pass over the larger of both training sets;
    the smaller one starts again, in another order.

    Args:
        augmentation: augmentation of the training images, on the device; None for none.
        labelled: the domain whose labels are trained on. `target` replaces the training images of the source by those
            of the target, with their labels, which gives the upper bound of adaptation.
        image_size: side of the images in pixels.
        batch_size: images of each domain in a step of one device.
        value_range: the values of black (0) and white (255), for both domains.
        target_augmentation: augmentation of the target's training images; None for the same as the source's.
        on_bad_image: `error` stops at an unreadable image, `skip` omits such images and counts them.
        cache_dir: folder of the array cache.
        seed: seed of the order of the training images.

    Attributes:
        attributes: the name of the one label.
        classes: the names of its values, unless they are the digits.
        names: of the domains, in pictures and tables.
    """

    test_split: Split = "test"
    keep_on_gpu = False  # whether the training images are kept on the GPU if they fit
    cuda_graphs = False  # whether the augmentation of a batch is recorded in a CUDA graph

    def __init__(
        self,
        augmentation: Augmentation | None,
        image_size: PositiveInt,
        labelled: Domain = "source",
        batch_size: PositiveInt = 64,
        value_range: ValueRange = (-1.0, 1.0),
        target_augmentation: Augmentation | None = None,
        on_bad_image: OnBadImage = "error",
        cache_dir: str = ".cache",
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        self.image_size, self.batch_size, self.labelled = image_size, batch_size, labelled
        self.value_range = check_value_range(value_range)
        augmentations = {"source": augmentation, "target": target_augmentation or augmentation}
        self.augmentation = {"source": augmentations[labelled], "target": augmentations["target"]}
        self._options: dict[str, Any] = {
            "image_size": image_size,
            "batch_size": batch_size,
            "horizontal_flip": False,
            "value_range": value_range,
            "on_bad_image": on_bad_image,
            "cache_dir": cache_dir,
        }
        self._seed = seed
        self._replayer: GraphReplayer | None = None

    def take(self, source: Reader, target: Reader, names: Mapping[Domain, str], label: str = DIGIT) -> None:
        """Take the readers of both domains, which have this label; called by the constructor of a subclass."""
        self.names = dict(names)
        options = {**self._options, "attributes": [label]}
        self.domains: dict[Domain, ImagesDataModule] = {
            "source": ImagesDataModule(lambda: source, seed=self._seed, **options),
            "target": ImagesDataModule(lambda: target, seed=self._seed + 1, **options),
        }
        self.attributes, self.classes = self.domains["target"].attributes, self.domains["target"].classes

    def prepare_data(self) -> None:
        """Build the caches that do not exist; Lightning calls this in one process of each machine."""
        for domain in self.domains.values():
            domain.prepare_data()

    def setup(self, stage: str | None = None) -> None:
        """Open both caches; for a fit, check that both training splits fill a batch.

        Raises:
            ConfigError: the batch size is larger than a training split.
        """
        for domain in self.domains.values():
            domain.trainer, domain.keep_on_gpu = self.trainer, self.keep_on_gpu
            domain.labelled = domain is self.domains[self.labelled]
            domain.setup(stage)

    def train_dataloader(self) -> PairLoader:
        """Return the loader of pairs of batches."""
        gpu, alone = self.domains["target"].gpu, self.domains["target"].world_size == 1
        if self.cuda_graphs and gpu is not None and alone and any(self.augmentation.values()):
            self._replayer = GraphReplayer(gpu)
        loaders = {domain: data.train_dataloader() for domain, data in self.domains.items()}
        labelled = self.domains[self.labelled].train_dataloader()  # for labelled=target too, a second loader
        return PairLoader(labelled, loaders["target"], max(len(loader) for loader in loaders.values()))

    def val_dataloader(self) -> BatchLoader:
        """Return the loader of held-out images of the labelled domain."""
        return self.domains[self.labelled].val_dataloader()

    def test_dataloader(self) -> BatchLoader:
        """Return the loader of the target's `test_split`."""
        return self.domains["target"].loader(self.test_split)

    predict_dataloader = test_dataloader

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Normalise the images, and augment those of a training batch, on the device."""
        if self._replayer is not None and self.trainer is not None and self.trainer.training:
            prepared: Batch = self._replayer.run("batch", self._prepare, batch)
            return prepared
        return self._prepare(batch)

    def _prepare(self, batch: Batch) -> Batch:
        return {
            key: self._prepare_images(key, value) if value.dtype == torch.uint8 else value
            for key, value in batch.items()
        }

    def _prepare_images(self, key: str, image: Tensor) -> Tensor:
        augmentation = self.augmentation.get(key)
        image = normalize(image, (0, 1) if augmentation else self.value_range)
        if augmentation is None:
            return image
        low, high = self.value_range
        return augmentation(image).mul_(high - low).add_(low)

    def pixels(self, domain: Domain, split: str, count: int | None = None) -> Batch:
        """Return the first `count` items of a domain's split, all by default, as one uint8 batch on the CPU."""
        return self.domains[domain].pixels(split, count)

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells whether the data is the same as before; see `ImagesDataModule.fingerprint`."""
        return {domain: entry for domain, data in self.domains.items() for entry in data.fingerprint().values()}

    def describe(self) -> dict[str, Any]:
        """Return the part of the protocol that is about the data; `adversaria.runs.wording` explains the keys."""
        return {
            "source": self.names["source"],
            "target": self.names["target"],
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
