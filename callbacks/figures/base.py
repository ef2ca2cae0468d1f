"""Pictures of a run: PNG files in `figures/` and images in TensorBoard, both at the iteration."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytorch_lightning as pl
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torch.utils.tensorboard.writer import SummaryWriter

from adversaria.runs import signals
from adversaria.runs.whole_files import cannot_write, written_whole
from callbacks.base import ModelCallback
from lightning_modules.modes import evaluating

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from lightning_modules.base import BaseModule

DPI = 110  # pixels of a figure's inch


class FigureCallback(ModelCallback, abc.ABC):
    """Draws a picture every `every_n_epochs` epochs, and once when the fit ends; 0: only after the fit.

    Subclasses implement `draw`. It runs in the first process alone, with the module in evaluation mode and without
    gradients. It must not use the global random state: drawing pictures never changes a run. The picture is the last
    file that it saves, so that all are there if the picture is.

    Attributes:
        picture: the name under which `draw` saves its picture.
    """

    picture: str

    def __init__(self, every_n_epochs: int = 0) -> None:
        self.every_n_epochs = every_n_epochs
        self._drawn = -1
        self._trained = False

    @abc.abstractmethod
    def draw(self, trainer: pl.Trainer, module: BaseModule) -> None:
        """Draw and save."""

    def join(self, trainer: pl.Trainer) -> None:
        """Make of all pictures of the run what they give together, if it is not there; nothing here."""

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw if a picture is due."""
        if self.every_n_epochs and (trainer.current_epoch + 1) % self.every_n_epochs == 0:
            self._draw(trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw unless the last epoch's end just did.

        Raises:
            Interrupted: a signal asked to stop; the last checkpoint is written, and the resumed run draws this.
        """
        self._trained = True
        if (signal := signals.asked()) and trainer.world_size == 1:
            signals.stop(signal)
        if pl_module.iteration != self._drawn:
            self._draw(trainer, pl_module)
        if trainer.is_global_zero:
            self.join(trainer)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw what is missing in a run that had nothing left to train: it was stopped after its last checkpoint."""
        if self._trained or not trainer.is_global_zero or not pl_module.iteration:
            return
        if not picture_file(trainer, pl_module, self.picture).exists():
            device = pl_module.device
            pl_module.to(trainer.strategy.root_device)  # which the fit has left
            self._draw(trainer, pl_module)
            pl_module.to(device)
        self.join(trainer)

    def _draw(self, trainer: pl.Trainer, module: BaseModule) -> None:
        self._drawn = module.iteration
        if trainer.is_global_zero:
            with evaluating(module):
                self.draw(trainer, module)


def figures_folder(trainer: pl.Trainer) -> Path:
    """Return the run's `figures/`, created if need be."""
    folder = Path(trainer.default_root_dir) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def picture_file(trainer: pl.Trainer, module: BaseModule, name: str) -> Path:
    """Return where a picture is saved: `figures/<name>_<iteration>.png`."""
    return figures_folder(trainer) / f"{name}_{module.iteration:07d}.png"


def save_picture(trainer: pl.Trainer, module: BaseModule, name: str, picture: np.ndarray | Figure) -> Path:
    """Save a picture, (h, w, 3) uint8 or a matplotlib figure, as `<name>_<iteration>.png` and in TensorBoard."""
    if not isinstance(picture, np.ndarray):
        picture = rendered(picture)
    file = picture_file(trainer, module, name)
    with written_whole(file) as stream:
        Image.fromarray(picture).save(stream, "png")
    for writer in tensorboard_writers(trainer):
        writer.add_image(name, picture, module.iteration, dataformats="HWC")
    return file


def rendered(figure: Figure, dpi: int = DPI) -> np.ndarray:
    """Return the (h, w, 3) uint8 pixels of a figure, drawn once: `savefig` draws it a second time for its layout."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3]


def tensorboard_writers(trainer: pl.Trainer) -> list[SummaryWriter]:
    """Return the TensorBoard writers of a run, none if it logs elsewhere."""
    writers = [getattr(logger, "experiment", None) for logger in trainer.loggers]
    return [writer for writer in writers if isinstance(writer, SummaryWriter)]


def save_projection(
    trainer: pl.Trainer, module: BaseModule, vectors: np.ndarray, images: Tensor, labels: Mapping[str, Sequence[Any]]
) -> None:
    """Give TensorBoard's projector (n, d) vectors with their (n, c, h, w) images in [0, 1] and their labels by name."""
    rows = [[str(value) for value in values] for values in zip(*labels.values(), strict=True)]
    sprites = functional.interpolate(images.float().cpu(), (32, 32))  # a sprite has at most 8,192 pixels a side
    header = list(labels) if rows else None
    for writer in tensorboard_writers(trainer):
        try:
            writer.add_embedding(vectors, rows or None, sprites, global_step=module.iteration, metadata_header=header)
        except OSError as error:
            raise cannot_write(Path(writer.get_logdir()), error) from error
