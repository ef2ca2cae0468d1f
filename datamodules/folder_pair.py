"""The LightningDataModule of two folders of images for unsupervised domain adaptation."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from adversaria.config.labels import value_names
from adversaria.config.types import Crop, Domain, Labels, OnBadImage, PositiveInt
from datamodules.domains import domain_names, open_domains
from datamodules.own_images import say_if_short
from datamodules.pair import PairDataModule
from datamodules.readers.own_images import OwnImages

log = logging.getLogger(__name__)


class FolderPairDataModule(PairDataModule):
    """Batches of two folders or archives, whose classes are matched by their names. The target may have no labels.

    Args:
        reader: factory of the reader of both, given `root` and `crop`.
        source_root: folder of the labelled source.
        target_root: folder of the target.
        labels: the name of the one label, `class` for the folders of classes.
        source: name of the source in pictures and tables; null for that of its folder.
        target: the same of the target.
        crop: which square of an image is used: in its `centre`, at its `top`, or `none`, the whole image squeezed.
        image_size: side of the images in pixels.
        labelled: see `PairDataModule`.
        on_bad_image: see `PairDataModule`.
        options: the others of `PairDataModule`.
    """

    def __init__(
        self,
        reader: Callable[..., OwnImages],
        source_root: str,
        target_root: str,
        labels: Labels,
        source: str | None = None,
        target: str | None = None,
        crop: Crop = "centre",
        image_size: PositiveInt = 64,
        labelled: Domain = "source",
        on_bad_image: OnBadImage = "skip",
        **options: Any,
    ) -> None:
        self.crop, self._said = crop, False
        super().__init__(image_size=image_size, labelled=labelled, on_bad_image=on_bad_image, **options)
        roots: dict[Domain, str] = {"source": source_root, "target": target_root}
        readers = open_domains(functools.partial(reader, crop=crop), roots, labels, labelled)
        names = domain_names({"source": source, "target": target, **{f"{d}_root": root for d, root in roots.items()}})
        self.take(readers["source"], readers["target"], names, readers["source"].label)

    def prepare_data(self) -> None:
        """Build the caches that do not exist, and say once in three lines what is in each."""
        super().prepare_data()
        for domain in [] if self._said else self.domains.values():
            for line in domain.reader.sentences(domain.cache.notes, domain.cache.skipped):  # type: ignore[attr-defined]
                log.info(line)
        self._said = True

    def setup(self, stage: str | None = None) -> None:
        """Open the caches; say for a fit if so few images make it a short one."""
        super().setup(stage)
        if stage == "fit":
            images = max(len(domain.cache.splits["train"]) for domain in self.domains.values())
            say_if_short(self.trainer, images // self.batch_size)

    def describe(self) -> dict[str, Any]:
        """Return the part of the protocol that is about the data."""
        return {**super().describe(), "classes": value_names(self.attributes[0], self.classes), "crop": self.crop}
