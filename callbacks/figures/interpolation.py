"""Walks between noise vectors: a generator that has learnt the data changes smoothly along them."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from adversaria.config.types import NonNegativeInt, PositiveInt
from adversaria.images.grid import grid, to_uint8
from adversaria.images.interpolation import spherical
from adversaria.images.sampling import labels_in_turn
from callbacks.figures.base import FigureCallback, save_picture
from lightning_modules.protocols import ConditionalSampler, Sampler, require


class Interpolation(FigureCallback):
    """Save `interpolation_<iteration>.png`, each row a walk between two noise vectors, labels unchanged along it.

    Args:
        rows: number of walks.
        steps: images a walk, both ends included.
        every_n_epochs: how often; 0 for the end of fit only.
        seed: of the noise.
    """

    def __init__(
        self,
        rows: PositiveInt = 6,
        steps: PositiveInt = 8,
        every_n_epochs: NonNegativeInt = 0,
        seed: NonNegativeInt = 1,
    ) -> None:
        super().__init__(every_n_epochs)
        self.rows, self.steps, self.seed = rows, steps, seed

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model samples."""
        require(pl_module, Sampler, "interpolation")

    def draw(self, trainer: pl.Trainer, module: Any) -> None:
        """Walk and save."""
        first, second = module.noise(2 * self.rows, self.seed).chunk(2)
        noise = spherical(first, second, self.steps).flatten(0, 1)
        if isinstance(module, ConditionalSampler):
            labels = labels_in_turn(module, trainer.datamodule.images("test", self.rows), first)  # type: ignore[attr-defined]
            images = module.sample(len(noise), noise, labels.repeat_interleave(self.steps, 0))
        else:
            images = module.sample(len(noise), noise)
        save_picture(trainer, module, "interpolation", grid(to_uint8(images, module.value_range), self.steps))
