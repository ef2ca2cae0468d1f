"""The progress bar."""

from __future__ import annotations

import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar

from adversaria.config.types import PositiveInt


class ProgressBar(RichProgressBar):
    """Lightning's bar, drawn a few times a second only.

    Lightning's reads the metrics after each step, which waits for the GPU, and is drawn up to 100 times a second, which
    takes a quarter of a step of 10 ms on a CPU.

    Args:
        refresh_rate: how many times a second it is drawn.
    """

    def __init__(self, refresh_rate: PositiveInt = 4) -> None:
        super().__init__(refresh_rate)
        self._due = 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Draw the bar if that is due."""
        now = time.monotonic()
        if now >= self._due or batch_idx + 1 == trainer.num_training_batches:
            self._due = now + 1 / self.refresh_rate
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def get_metrics(self, trainer: pl.Trainer, pl_module: Any) -> Any:
        """Return what the bar shows."""
        return {**super().get_metrics(trainer, pl_module), **pl_module.progress_bar_losses}

    def _get_train_description(self, current_epoch: int) -> str:
        """Count epochs from 1, as the log does.

        Lightning has no public way to change this text; a test notices if it no longer asks for it here.
        """
        last = "" if self.trainer.max_epochs is None else f"/{self.trainer.max_epochs}"
        return f"{f'Epoch {current_epoch + 1}{last}':{len(self.validation_description)}}"
