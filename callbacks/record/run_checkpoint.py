"""Checkpoints of a run: `last.ckpt` after every epoch and wherever a signal stops it, `best.ckpt` by a metric."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from weakref import proxy

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from adversaria.config.containers import replace_prefix
from adversaria.config.types import Mode, PositiveInt
from adversaria.runs.checkpoint_io import check_space
from callbacks.figures.base import tensorboard_writers


class RunCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint for `best.ckpt`; `last.ckpt` is saved here.

    Lightning saves its last checkpoint only along with a new best, and only at multiples of a number of steps. The best
    is also remembered where the run folder was moved.

    Args:
        dirpath: the run's `checkpoints/`.
        monitor: the metric that chooses the best; None for no best, only the last.
        mode: `min` or `max`.
        every_n_iterations: iterations from one `last.ckpt` to the next within an epoch; null: save at the end of each
            epoch only.
    """

    def __init__(
        self,
        dirpath: str,
        monitor: str | None = "val/loss",
        mode: Mode = "min",
        every_n_iterations: PositiveInt | None = None,
    ) -> None:
        super().__init__(
            dirpath=dirpath,
            filename="best",
            monitor=monitor,
            mode=mode,
            save_top_k=0 if monitor is None else 1,
            save_on_train_epoch_end=True,
            enable_version_counter=False,
        )
        self.every_n_iterations = every_n_iterations

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Check that the disk has room for the last, the best, and the one being written.

        Raises:
            SavingError: it has not.
        """
        super().on_train_start(trainer, pl_module)
        if trainer.is_global_zero:
            weights = sum(t.numel() * t.element_size() for t in pl_module.state_dict().values())
            moments = 2 * sum(p.numel() * p.element_size() for p in pl_module.parameters() if p.requires_grad)
            files = 3 if self.monitor else 2
            check_space(Path(str(self.dirpath)), files * (weights + moments))

    def on_iteration_end(self, trainer: pl.Trainer, module: Any, stopping: bool) -> None:
        """Save within an epoch, where that is due or the training stops now."""
        due = self.every_n_iterations and module.iteration % self.every_n_iterations == 0
        if due or stopping:
            self.save_last_checkpoint(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the best if this epoch is it, then the last, which knows of the best."""
        super().on_train_epoch_end(trainer, pl_module)
        self.save_last_checkpoint(trainer)

    def save_last_checkpoint(self, trainer: pl.Trainer) -> None:
        """Save `last.ckpt` and tell the loggers, as Lightning does."""
        self.last_model_path = str(Path(str(self.dirpath)) / "last.ckpt")  # before it is saved, as a part of the state
        for writer in tensorboard_writers(trainer) if trainer.is_global_zero else []:
            writer.flush()  # a killed run goes on from this checkpoint: what came before it must be on the disk
        trainer.save_checkpoint(self.last_model_path)
        for logger in trainer.loggers if trainer.is_global_zero else []:
            logger.after_save_checkpoint(proxy(self))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, with the paths of where the run folder is now."""
        super().load_state_dict(replace_prefix(state_dict, state_dict["dirpath"], str(self.dirpath)))
