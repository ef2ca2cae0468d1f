"""The LightningDataModule of two digit sets for unsupervised domain adaptation, a labelled source and a target."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from adversaria.config.types import Domain, PositiveInt
from datamodules.pair import PairDataModule
from datamodules.preflight import find_digit_set
from datamodules.readers.base import Reader


class DigitPairDataModule(PairDataModule):
    """Batches of two digit sets.

    Args:
        sets: factories of the readers of all digit sets, by name.
        source: name of the labelled digit set.
        target: name of the digit set to adapt to.
        root: folder of the data; not used here, but the readers' own `root` refers to it.
        image_size: side of the images in pixels.
        options: the others of `PairDataModule`.
    """

    def __init__(
        self,
        sets: dict[str, Callable[[], Reader]],
        source: str,
        target: str,
        root: str | None = "data",
        image_size: PositiveInt = 28,
        **options: Any,
    ) -> None:
        super().__init__(image_size=image_size, **options)
        names: dict[Domain, str] = {"source": source, "target": target}
        opened = {domain: find_digit_set(sets, name, f"data.{domain}")() for domain, name in names.items()}
        self.take(opened["source"], opened["target"], names)
