"""Samples of the same noise with different labels, which show what a label changes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from adversaria.config.labels import value_title
from adversaria.config.types import NonNegativeInt, PositiveInt, Seed
from adversaria.images.classes import caption
from adversaria.images.grid import enlarged, grid, to_uint8
from adversaria.images.sampling import labels_in_turn, with_label
from callbacks.base import datamodule_of
from callbacks.figures.base import DPI, FigureCallback, rendered, save_picture
from datamodules.labels import select_attributes
from lightning_modules.protocols import ConditionalSampler

GAP = 8  # pixels beside a name


class ConditionalGrid(FigureCallback):
    """Save `labels_<iteration>.png`, a row for each value of a label; all images of a column have the same noise.

    A binary attribute has two rows, off and on; a class has one, with its name. The other labels of a column are those
    of a test image.

    Args:
        columns: number of noise vectors.
        labels: which labels to vary; None for all of the model.
        every_n_epochs: epochs from one picture to the next; 0: only after the fit.
        seed: of the noise.
    """

    needs = ConditionalSampler
    picture = "labels"

    def __init__(
        self,
        columns: PositiveInt = 10,
        labels: list[str] | None = None,
        every_n_epochs: NonNegativeInt = 1,
        seed: Seed = 0,
    ) -> None:
        super().__init__(every_n_epochs)
        self.columns, self.labels, self.seed = columns, labels, seed

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model samples by label, and has the labels asked for."""
        super().setup(trainer, pl_module, stage)
        select_attributes(self.labels, pl_module.labels, f"{self.place}.labels")

    def draw(self, trainer: pl.Trainer, module: Any) -> None:
        """Sample each row and save."""
        noise = module.noise(self.columns, self.seed)
        others = labels_in_turn(module, datamodule_of(trainer).images("test", self.columns), noise)
        names, rows = [], []
        for name in self.labels or module.labels:
            column = module.labels.index(name)
            for value in range(module.sizes[column]):
                names.append(caption(value_title(name, value, module.classes)))
                rows.append(module.sample(self.columns, noise, with_label(others, column, value)))
        page = grid(enlarged(to_uint8(torch.cat(rows), module.value_range)), self.columns)
        save_picture(trainer, module, self.picture, named_rows(page, names))


def named_rows(page: np.ndarray, names: list[str]) -> np.ndarray:
    """Put a name at the left of each of the equally high rows of a picture, (h, w, 3) uint8; return a wider one."""
    height, row = len(page), len(page) / len(names)
    figure = Figure(dpi=DPI)
    texts = [
        figure.text(GAP, height - (i + 0.5) * row, name, fontsize=8, va="center", transform=None)  # in pixels
        for i, name in enumerate(names)
    ]
    renderer = FigureCanvasAgg(figure).get_renderer()
    width = 2 * GAP + max(text.get_window_extent(renderer).width for text in texts)
    figure.set_size_inches(width / DPI, (height + 0.5) / DPI)  # a figure is cut to whole pixels
    return np.hstack([rendered(figure), page])
