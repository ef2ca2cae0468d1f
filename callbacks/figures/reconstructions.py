"""Test images over their reconstructions."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure

from adversaria.config.types import NonNegativeInt, PositiveInt
from adversaria.images.grid import enlarged, grid, to_uint8
from callbacks.base import datamodule_of
from callbacks.figures.base import DPI, FigureCallback, save_picture
from lightning_modules.losses import image_mse
from lightning_modules.protocols import Autoencoder

TEXT, TITLE = 26, 560  # in pixels: the height of a line of text, the width of the title


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
        batch = {k: v.to(module.device) for k, v in datamodule_of(trainer).images("test", self.count).items()}
        images = batch["image"]
        decoded = module.reconstruct(images, module.labels_of(batch))
        errors = image_mse(decoded, images).tolist()
        low, high = module.value_range
        pixels = to_uint8(torch.cat([images, decoded]), (low, high))
        page = grid(enlarged(pixels), len(images))
        height, width = page.shape[0] + 2 * TEXT, max(page.shape[1], TITLE)
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI)
        figure.figimage(page, yo=TEXT)  # pixel by pixel
        for i, error in enumerate(errors):
            x = (i + 0.5) * page.shape[1] / len(images)
            figure.text(x / width, 0.5 * TEXT / height, f"{error:.4f}", fontsize=8, ha="center", va="center")
        title = f"Test images, reconstructions, MSE on ({low:g}, {high:g}): mean {sum(errors) / len(errors):.4f}"
        figure.text(0.5, 1 - 0.5 * TEXT / height, title, fontsize=9, ha="center", va="center")
        save_picture(trainer, module, self.picture, figure)
