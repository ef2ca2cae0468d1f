"""The LightningDataModule of one data set of labelled images, faces or digits, whatever its reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from adversaria.config.errors import ConfigError
from adversaria.config.types import Batch, OnBadImage, PositiveInt, Seed, Split, ValueRange
from adversaria.runs.data_record import files_entry
from datamodules.array_cache import ArrayCache, open_cache
from datamodules.batch_loader import BatchLoader, EpochSampler
from datamodules.labels import check_classes, classes_of, select_attributes
from datamodules.preflight import check_value_range
from datamodules.readers.base import SPLITS, Reader, open_reader


class ImagesDataModule(pl.LightningDataModule):
    """Square RGB images with labels, from memory-mapped uint8 arrays.

    A batch is `{"image": (b, 3, s, s), "labels": (b, k)}`. Images leave the loader as uint8 and become float32 in
    `value_range` on the device, after horizontal flips. Batches to test or predict on come from `test_split`.

    Args:
        reader: factory of the reader, a class of `datamodules.readers`; it is given `root` if there is one.
        image_size: side of the images in pixels.
        batch_size: images in a step of one device.
        horizontal_flip: whether to mirror each training image with probability 1/2.
        root: folder that the reader reads; nothing is written to it.
        value_range: the values of black (0) and white (255), `[-1, 1]` or `[0, 1]`; this must be the range of the
            model's output.
        attributes: names of the label columns to deliver, in this order; None for all.
        on_bad_image: `error` stops at an unreadable image, `skip` omits such images and counts them.
        cache_dir: folder of the array cache.
        seed: seed of the order of the training images.

    Attributes:
        classes: the names of the values of the delivered labels that have some.
    """

    test_split: Split = "test"
    keep_on_gpu = False  # whether the training images are kept on the GPU if they fit
    labelled = True  # whether the labels may be used

    def __init__(
        self,
        reader: Callable[..., Reader],
        image_size: PositiveInt,
        batch_size: PositiveInt,
        horizontal_flip: bool,
        root: str | None = None,
        value_range: ValueRange = (-1.0, 1.0),
        attributes: list[str] | None = None,
        on_bad_image: OnBadImage = "error",
        cache_dir: str = ".cache",
        seed: Seed = 0,
    ) -> None:
        super().__init__()
        self.reader = open_reader(reader, root)
        self.image_size, self.batch_size = image_size, batch_size
        self.value_range = check_value_range(value_range)
        known = self.reader.attributes()
        self.attributes = select_attributes(attributes, known)
        self._columns = [known.index(a) for a in self.attributes]
        self.classes = {name: names for name, names in classes_of(self.reader).items() if name in self.attributes}
        self.horizontal_flip, self.on_bad_image = horizontal_flip, on_bad_image
        self.cache_dir, self.seed = Path(cache_dir), seed
        self._cache: ArrayCache | None = None

    def prepare_data(self) -> None:
        """Build the cache if it does not exist; Lightning calls this in one process of each machine."""
        _ = self.cache

    def setup(self, stage: str | None = None) -> None:
        """Open the cache; for a fit, check that the training split fills a batch.

        Raises:
            ConfigError: the batch size is larger than the training split.
            DataError: the held-out training images lack a value of a label that is trained on.
        """
        if stage not in ("fit", None):
            return  # only training drops an incomplete batch
        if self.labelled:
            train, val = (self.cache.splits[split].labels[:, self._columns] for split in ("train", "val"))
            used = getattr(getattr(self.trainer, "lightning_module", None), "labels", None)
            cut = hasattr(self.reader, "val_fraction")
            used = (used or ()) if cut else ()
            check_classes(train, val, self.attributes, used, self.reader.name, self.classes)
        size = len(self.cache.splits["train"]) // self.world_size
        if self.batch_size > size:
            raise ConfigError(
                f"data.batch_size={self.batch_size}: the train split has only {size} images for each process; "
                "choose a smaller batch"
            )

    @property
    def cache(self) -> ArrayCache:
        """The array cache, opened at the first use."""
        if self._cache is None:
            self._cache = open_cache(self.reader, self.image_size, self.cache_dir, self.on_bad_image)
        return self._cache

    @property
    def world_size(self) -> int:
        """The number of processes."""
        return self.trainer.world_size if self.trainer is not None else 1

    def loader(self, split: str, shuffle: bool = False, device: torch.device | None = None) -> BatchLoader:
        """Return a loader over the split `train`, `val` or `test`; a shuffled one drops an incomplete last batch."""
        arrays = self.cache.splits[split]
        rank = self.trainer.global_rank if self.trainer is not None else 0
        return BatchLoader(
            arrays,
            self.batch_size,
            EpochSampler(len(arrays), shuffle, self.seed, rank, self.world_size),
            self._columns,
            drop_last=shuffle,
            pin_memory=device is None and self.gpu is not None,
            device=device,
        )

    @property
    def gpu(self) -> torch.device | None:
        """The GPU that the trainer uses, or None."""
        device = self.trainer.strategy.root_device if self.trainer is not None else None
        return device if device is not None and device.type == "cuda" else None

    def _fits_on_gpu(self) -> bool:
        free, _ = torch.cuda.mem_get_info(self.gpu)
        return self.cache.splits["train"].images.nbytes < free / 4  # the networks and activations need the rest

    def train_dataloader(self) -> BatchLoader:
        """Return the training loader: shuffled, but in order for `overfit_batches`, which repeats the same batches."""
        shuffle = not getattr(self.trainer, "overfit_batches", 0)
        keep = self.keep_on_gpu and self.gpu is not None and self._fits_on_gpu()
        return self.loader("train", shuffle, self.gpu if keep else None)

    def val_dataloader(self) -> BatchLoader:
        """Return the validation loader."""
        return self.loader("val")

    def test_dataloader(self) -> BatchLoader:
        """Return the loader of `test_split`."""
        return self.loader(self.test_split)

    predict_dataloader = test_dataloader

    def on_after_batch_transfer(self, batch: Batch, dataloader_idx: int) -> Batch:
        """Flip images at random in training, and normalise them, on the device."""
        image = batch["image"]
        if self.horizontal_flip and self.trainer is not None and self.trainer.training:
            mirrored = torch.rand(len(image), 1, 1, 1, device=image.device) < 0.5
            image = torch.where(mirrored, image.flip(-1), image)
        return {**batch, "image": normalize(image, self.value_range)}

    def images(self, split: str, count: int) -> Batch:
        """Return the first `count` items of a split, or all if there are fewer, as one normalised batch on the CPU."""
        batch = self.pixels(split, count)
        return {**batch, "image": normalize(batch["image"], self.value_range)}

    def pixels(self, split: str, count: int | None = None) -> Batch:
        """Return the same items as `images`, all by default, as uint8."""
        length = len(self.cache.splits[split])
        return self.loader(split).gather(np.arange(length if count is None else min(count, length)))

    def fingerprint(self) -> dict[str, Any]:
        """Return what tells whether the data is the same as before: numbers and checksums of each split, and files.

        `adversaria.runs.data_record` keeps it.
        """
        sums = self.cache.checksums()
        splits = {
            split: {"n": len(arrays), "size": self.image_size, **sums[split]}
            for split, arrays in self.cache.splits.items()
        }
        return {self.reader.name: {"splits": splits, "files": files_entry(self.reader.fingerprint())}}

    def describe(self) -> dict[str, Any]:
        """Return the part of the protocol that is about the data; `adversaria.runs.wording` explains the keys."""
        return {
            "data": self.reader.name,
            **{f"n_{split}": len(self.cache.splits[split]) for split in SPLITS},
            "n_unreadable": self.cache.skipped,
            "image_size": self.image_size,
            "value_range": list(self.value_range),
            "horizontal_flip": self.horizontal_flip,
            "batch_size": self.batch_size,
        }


def normalize(image: Tensor, value_range: tuple[float, float]) -> Tensor:
    """Map uint8 pixels to float32: 0 becomes `value_range[0]`, 255 becomes `value_range[1]`."""
    low, high = value_range
    return image.to(torch.float32, copy=True).mul_((high - low) / 255).add_(low)
