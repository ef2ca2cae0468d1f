"""A grid of samples from noise that stays the same over the run."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from adversaria.types import NonNegativeInt, PositiveInt
from callbacks.figures import FigureCallback, grid, save_picture, to_uint8
from lightning_modules.abilities import Sampler, require


class SampleGrid(FigureCallback):
    """Save `samples_<iteration>.png`, `rows` × `columns` images of fixed noise.

    Args:
        rows: of the grid.
        columns: of the grid.
        every_n_epochs: how often; 0 for the end of fit only.
        seed: of the noise.
    """

    def __init__(
        self,
        rows: PositiveInt = 4,
        columns: PositiveInt = 8,
        every_n_epochs: NonNegativeInt = 1,
        seed: NonNegativeInt = 0,
    ) -> None:
        super().__init__(every_n_epochs)
        self.rows, self.columns, self.seed = rows, columns, seed

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model samples."""
        require(pl_module, Sampler, "samples")

    def draw(self, trainer: pl.Trainer, module: Any) -> None:
        """Sample and save."""
        count = self.rows * self.columns
        images = to_uint8(module.sample(count, noise=module.noise(count, self.seed)), module.value_range)
        save_picture(trainer, module, "samples", grid(images, self.columns))
