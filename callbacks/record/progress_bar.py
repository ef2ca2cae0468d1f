"""The progress bar."""

from __future__ import annotations

import importlib.util
import time
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import RichProgressBar
from rich import get_console

from adversaria.config.types import PositiveInt


class ProgressBar(RichProgressBar):
    """Lightning's bar, drawn a few times a second only.

    Lightning's reads the metrics after each step, which waits for the GPU, and is drawn up to 100 times a second, which
    takes a quarter of a step of 10 ms on a CPU. In a notebook without ipywidgets, where it shows nothing, this one is a
    line of text.

    Args:
        refresh_rate: how many times a second it is drawn.
    """

    def __init__(self, refresh_rate: PositiveInt = 4) -> None:
        super().__init__(refresh_rate)
        self._due = 0.0
        self._is_line = get_console().is_jupyter and importlib.util.find_spec("ipywidgets") is None
        if self._is_line:
            self.disable()

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Draw the bar if that is due."""
        now = time.monotonic()
        if now >= self._due or batch_idx + 1 == trainer.num_training_batches:
            self._due = now + 1 / self.refresh_rate
            if self._is_line:
                self._print_line(trainer, pl_module, batch_idx + 1)
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)

    def _print_line(self, trainer: pl.Trainer, module: Any, done: int) -> None:
        """Print the line over the last one; after an epoch there is none, and the log has one."""
        losses = "".join(f"  {name} {float(value):.4g}" for name, value in module.progress_bar_losses.items())
        described = f"{self._get_train_description(trainer.current_epoch).rstrip()}  {done}"
        line = f"{described}/{trainer.num_training_batches}{losses}".ljust(100)
        print(f"\r{line}", end="\r" + " " * 100 + "\r" if done == trainer.num_training_batches else "", flush=True)

    def get_metrics(self, trainer: pl.Trainer, pl_module: Any) -> Any:
        """Return what the bar shows."""
        return {**super().get_metrics(trainer, pl_module), **pl_module.progress_bar_losses}

    def _get_train_description(self, current_epoch: int) -> str:
        """Count epochs from 1, as the log does.

        Lightning has no public way to change this text; a test notices if it no longer asks for it here.
        """
        last = "" if self.trainer.max_epochs is None else f"/{self.trainer.max_epochs}"
        return f"{f'Epoch {current_epoch + 1}{last}':{len(self.validation_description)}}"
