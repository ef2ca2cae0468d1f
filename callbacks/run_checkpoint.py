"""Checkpoints of a run: `last.ckpt` after every epoch, `best.ckpt` by a validation metric."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import ModelCheckpoint

from adversaria.run_folder import replace_prefix


class RunCheckpoint(ModelCheckpoint):
    """Lightning's ModelCheckpoint, which also remembers its best after the run folder was moved.

    Args:
        dirpath: the run's `checkpoints/`.
        monitor: the metric to minimise; None for no best, only the last.
        mode: `min` or `max`.
    """

    def __init__(self, dirpath: str, monitor: str | None = "val/loss", mode: str = "min") -> None:
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

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save; the last one too, which Lightning saves only along with a new best."""
        super().on_train_epoch_end(trainer, pl_module)
        if not self._should_skip_saving_checkpoint(trainer):
            self._save_last_checkpoint(trainer, self._monitor_candidates(trainer))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, its paths turned to where the run folder is now."""
        super().load_state_dict(replace_prefix(state_dict, state_dict["dirpath"], str(self.dirpath)))
