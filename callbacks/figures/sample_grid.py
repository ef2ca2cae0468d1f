"""A grid of samples from noise that stays the same over the run, and its evolution as an animation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from PIL import Image

from adversaria.config.types import NonNegativeInt, PositiveInt, Seed
from adversaria.images.grid import enlarged, grid, to_uint8
from adversaria.images.sampling import sample_like_data
from adversaria.runs.whole_files import written_whole
from callbacks.base import datamodule_of
from callbacks.figures.base import FigureCallback, figures_folder, save_picture
from lightning_modules.protocols import Sampler


class SampleGrid(FigureCallback):
    """Save `samples_<iteration>.png`, `rows` × `columns` images of fixed noise, and after the fit `samples.gif`.

    Args:
        rows: of the grid.
        columns: of the grid.
        every_n_epochs: epochs from one picture to the next; 0: only after the fit.
        seed: of the noise.
    """

    needs = Sampler
    picture = "samples"

    def __init__(
        self,
        rows: PositiveInt = 4,
        columns: PositiveInt = 8,
        every_n_epochs: NonNegativeInt = 1,
        seed: Seed = 0,
    ) -> None:
        super().__init__(every_n_epochs)
        self.rows, self.columns, self.seed = rows, columns, seed

    def draw(self, trainer: pl.Trainer, module: Any) -> None:
        """Sample and save."""
        noise = module.noise(self.rows * self.columns, self.seed)
        images = to_uint8(sample_like_data(module, datamodule_of(trainer), noise), module.value_range)
        save_picture(trainer, module, self.picture, grid(enlarged(images), self.columns))

    def join(self, trainer: pl.Trainer) -> None:
        """Join all grids of the run, those before a resume too, into an animation, unless it is newer than they are."""
        folder = figures_folder(trainer)
        files, animation = sorted(folder.glob("samples_*.png")), folder / "samples.gif"
        if not files or (animation.exists() and animation.stat().st_mtime_ns > files[-1].stat().st_mtime_ns):
            return
        frames = [Image.fromarray(_read(file)) for file in files]
        frames = [frame for frame in frames if frame.size == frames[-1].size]  # the run may have another grid by now
        with written_whole(animation) as stream:
            frames[0].save(stream, "gif", save_all=True, append_images=frames[1:], duration=pauses(len(frames)), loop=0)


def pauses(frames: int) -> list[int]:
    """Return how long each frame of an animation stays, in ms: all together 6 s where that can be watched; then 3 s."""
    each = min(800, max(80, 6000 // frames))
    return [each] * (frames - 1) + [3000]


def _read(file: Path) -> np.ndarray:
    with Image.open(file) as picture:  # closed at once: a long run has more pictures than a process may have open files
        return np.asarray(picture)
