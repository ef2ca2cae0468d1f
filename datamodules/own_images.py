"""The LightningDataModule of anyone's images, which says what it reads."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from adversaria.config.types import Crop, OnBadImage
from datamodules.images import ImagesDataModule
from datamodules.readers.own_images import OwnImages

log = logging.getLogger(__name__)
FEW = 500  # iterations in which no method gets far


class OwnImagesDataModule(ImagesDataModule):
    """Images of a folder, an archive or a data set of the Hugging Face hub.

    Args:
        reader: factory of the reader; it is given what is set of `root`, `name` and `crop`.
        name: name or folder of a data set of the Hugging Face hub.
        crop: which square of an image is used: in its `centre`, at its `top`, or `none`, the whole image squeezed.
        on_bad_image: `error` stops at an unreadable image, `skip` omits such images and counts them.
        options: the others of `ImagesDataModule`.
    """

    reader: OwnImages

    def __init__(
        self,
        reader: Callable[..., OwnImages],
        name: str | None = None,
        crop: Crop = "centre",
        on_bad_image: OnBadImage = "skip",
        **options: Any,
    ) -> None:
        place = {} if name is None else {"name": name}
        super().__init__(functools.partial(reader, crop=crop, **place), on_bad_image=on_bad_image, **options)
        self._said = False

    def prepare_data(self) -> None:
        """Build the cache if it does not exist, and say once in three lines what is in it."""
        super().prepare_data()
        if not self._said:
            self._said = True
            for line in self.reader.sentences(self.cache.notes, self.cache.skipped):
                log.info(line)

    def setup(self, stage: str | None = None) -> None:
        """Open the cache; say for a fit if so few images make it a short one."""
        super().setup(stage)
        if stage == "fit":
            say_if_short(self.trainer, len(self.cache.splits["train"]) // self.batch_size)

    def describe(self) -> dict[str, Any]:
        """Return the part of the protocol that is about the data; `adversaria.runs.wording` explains the keys."""
        return {**super().describe(), **self.reader.describe(self.cache.notes)}


def say_if_short(trainer: Any, iterations: int) -> None:
    """Warn of a training in which no method gets far, with the number of epochs that makes it long enough.

    Args:
        trainer: the trainer; None for none.
        iterations: in an epoch.
    """
    epochs = (trainer is not None and trainer.max_epochs) or 0
    if 0 < epochs * iterations < FEW:
        log.warning(
            "%d iterations in all are a short training; with trainer.max_epochs=%d they would be %d",
            epochs * iterations,
            enough := -(-4 * FEW // iterations),
            enough * iterations,
        )
