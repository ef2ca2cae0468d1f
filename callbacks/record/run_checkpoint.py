"""Checkpoints of a run: `last.ckpt` after every epoch and wherever a signal stops it, `best.ckpt` by a metric."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from adversaria.config.containers import replace_prefix
from adversaria.config.types import PositiveInt
from adversaria.runs.checkpoint_io import check_space


class RunCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint, which also remembers its best after the run folder was moved.

    Args:
        dirpath: the run's `checkpoints/`.
        monitor: the metric to minimise; None for no best, only the last.
        mode: `min` or `max`.
        every_n_iterations: save `last.ckpt` within epochs too, so often; None for never.
    """

    def __init__(
        self,
        dirpath: str,
        monitor: str | None = "val/loss",
        mode: str = "min",
        every_n_iterations: PositiveInt | None = None,
    ) -> None:
        super().__init__(
            dirpath=dirpath,
            filename="best",
            monitor=monitor,
            mode=mode,
            save_top_k=0 if monitor is None else 1,
            save_last=True,
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
        if (due or stopping) and not trainer.fast_dev_run:  # type: ignore[attr-defined]
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save; the last one too, which Lightning saves only along with a new best."""
        super().on_train_epoch_end(trainer, pl_module)
        if not self._should_skip_saving_checkpoint(trainer):
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, its paths turned to where the run folder is now."""
        super().load_state_dict(replace_prefix(state_dict, state_dict["dirpath"], str(self.dirpath)))
