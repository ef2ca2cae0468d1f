"""Test images over their reconstructions."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from matplotlib.figure import Figure

from adversaria.config.types import NonNegativeInt, PositiveInt
from adversaria.images.grid import to_uint8
from callbacks.base import datamodule_of
from callbacks.figures.base import FigureCallback, save_picture
from lightning_modules.losses import image_mse
from lightning_modules.protocols import Autoencoder


class Reconstructions(FigureCallback):
    """Save `reconstructions_<iteration>.png`: the first test images, below each its reconstruction and MSE.

    The MSE is on the scale of the model's value range, as the title says.

    Args:
        count: number of test images.
        every_n_epochs: epochs from one picture to the next; 0: only after the fit.
    """

    needs = Autoencoder
    picture = "reconstructions"

    def __init__(self, count: PositiveInt = 10, every_n_epochs: NonNegativeInt = 1) -> None:
        super().__init__(every_n_epochs)
        self.count = count

    def draw(self, trainer: pl.Trainer, module: Any) -> None:
        """Reconstruct and save."""
        images = datamodule_of(trainer).images("test", self.count)["image"].to(module.device)
        decoded = module.reconstruct(images)
        errors = image_mse(decoded, images).tolist()
        low, high = module.value_range
        figure = Figure(figsize=(1.1 * len(images), 2.75), layout="constrained")
        axes = figure.subplots(2, len(images), squeeze=False)
        for row, pictures in enumerate((to_uint8(images, (low, high)), to_uint8(decoded, (low, high)))):
            for column, picture in enumerate(pictures):
                axes[row, column].imshow(picture)
                axes[row, column].axis("off")
        for axis, error in zip(axes[1], errors, strict=True):
            axis.set_title(f"{error:.4f}", fontsize=8, y=-0.25)
        figure.suptitle(
            f"Test images, reconstructions, MSE on ({low:g}, {high:g}): mean {sum(errors) / len(errors):.4f}",
            fontsize=9,
        )
        save_picture(trainer, module, self.picture, figure)
