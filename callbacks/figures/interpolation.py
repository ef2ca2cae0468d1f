"""Interpolations between noise vectors; the images of a generator that has learnt the data change smoothly."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from adversaria.config.types import NonNegativeInt, PositiveInt, Seed
from adversaria.images.grid import enlarged, grid, to_uint8
from adversaria.images.interpolation import spherical
from adversaria.images.sampling import labels_in_turn
from callbacks.base import datamodule_of
from callbacks.figures.base import FigureCallback, save_picture
from lightning_modules.protocols import ConditionalSampler, Sampler


class Interpolation(FigureCallback):
    """Save `interpolation_<iteration>.png`, a row for each pair of noise vectors; labels stay the same in a row.

    Args:
        rows: number of pairs.
        steps: images in a row, both ends included.
        every_n_epochs: epochs from one picture to the next; 0: only after the fit.
        seed: of the noise.
    """

    needs = Sampler
    picture = "interpolation"

    def __init__(
        self,
        rows: PositiveInt = 6,
        steps: PositiveInt = 8,
        every_n_epochs: NonNegativeInt = 0,
        seed: Seed = 1,
    ) -> None:
        super().__init__(every_n_epochs)
        self.rows, self.steps, self.seed = rows, steps, seed

    def draw(self, trainer: pl.Trainer, module: Any) -> None:
        """Interpolate and save."""
        first, second = module.noise(2 * self.rows, self.seed).chunk(2)
        noise = spherical(first, second, self.steps).flatten(0, 1)
        if isinstance(module, ConditionalSampler):
            labels = labels_in_turn(module, datamodule_of(trainer).images("test", self.rows), first)
            images = module.sample(len(noise), noise, labels.repeat_interleave(self.steps, 0))
        else:
            images = module.sample(len(noise), noise)
        save_picture(trainer, module, self.picture, grid(enlarged(to_uint8(images, module.value_range)), self.steps))
