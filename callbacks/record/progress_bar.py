"""The progress of the whole run in one live display."""

from __future__ import annotations

import math
import time
from typing import Any

import pytorch_lightning as pl

from adversaria.config.types import PositiveInt
from adversaria.runs import terminal
from callbacks.record.epoch_summary import counted_epoch, loss_fields


class ProgressBar(pl.callbacks.ProgressBar):
    """Show epoch, iterations, images a second, the time left and the losses, a few times a second.

    Between two frames a step costs one look at the clock: reading metrics would wait for the GPU.

    Args:
        refresh_rate: how many times a second it is drawn.
    """

    def __init__(self, refresh_rate: PositiveInt = 4) -> None:
        super().__init__()
        self.refresh_rate = refresh_rate
        self._is_shown = True
        self._due = self._begun = self._measured = self._speed = 0.0  # times in s, images a second
        self._first = self._images = self._tested = 0
        self._total: int | None = None  # iterations of the run

    def disable(self) -> None:
        """Show nothing: Lightning asks for it in all processes but the first."""
        self._is_shown = False

    def enable(self) -> None:
        """Show the display again."""
        self._is_shown = True

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Show the display: the first iteration may take a while."""
        self._begun, self._first = time.monotonic(), pl_module.iteration
        self._measure(pl_module)
        self._show_training(trainer, pl_module, pl_module.iteration)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Leave validation, pictures and checkpoints out of the speed."""
        self._measure(pl_module)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Show how far the training has come, if that is due."""
        last = batch_idx + 1 == trainer.num_training_batches
        if not (self._is_due() or last):
            return
        done = pl_module.iteration + 1  # which the model counts after its callbacks
        if trainer.max_epochs is not None and trainer.max_epochs > 0 and math.isfinite(trainer.num_training_batches):
            epochs_left = trainer.max_epochs - trainer.current_epoch
            self._total = done - batch_idx - 1 + epochs_left * int(trainer.num_training_batches)
        images, seconds = pl_module.images - self._images, time.monotonic() - self._measured
        if images and seconds:
            self._speed = images / seconds if not self._speed else 0.7 * self._speed + 0.3 * images / seconds
        self._measure(pl_module)
        self._show_training(trainer, pl_module, done)

    def on_validation_batch_end(self, trainer: pl.Trainer, pl_module: Any, *batch: Any, **more: Any) -> None:
        """Show that the validation goes on."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking and self._is_due():
            self._show_training(trainer, pl_module, pl_module.iteration, "validation")

    def on_test_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Begin to count batches."""
        self._tested = 0

    def on_test_batch_end(self, trainer: pl.Trainer, pl_module: Any, *batch: Any, **more: Any) -> None:
        """Show how far the test has come."""
        self._tested += 1
        if self._is_due():
            count = sum(trainer.num_test_batches)
            terminal.show(terminal.Frame("test", self._tested, int(count) if math.isfinite(count) else None))

    def on_train_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """End the display."""
        terminal.clear()

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """End the display."""
        terminal.clear()

    def on_exception(self, trainer: pl.Trainer, pl_module: Any, exception: BaseException) -> None:
        """End the display, so that what is said of the error is all that stays."""
        terminal.clear()

    def _is_due(self) -> bool:
        now = time.monotonic()
        if now < self._due or not self._is_shown:
            return False
        self._due = now + 1 / self.refresh_rate
        return True

    def _measure(self, module: Any) -> None:
        """Measure the speed from here on."""
        self._measured, self._images = time.monotonic(), module.images

    def _show_training(self, trainer: pl.Trainer, module: Any, done: int, *doing: str) -> None:
        if not self._is_shown:
            return
        beside = [f"{self._speed:.0f} images/s"] if self._speed else []
        if self._total is not None and done > self._first:
            per_iteration = (time.monotonic() - self._begun) / (done - self._first)
            beside.append(terminal.left(per_iteration * (self._total - done)))
        below = [*doing, *loss_fields(module.progress_bar_losses)]
        terminal.show(terminal.Frame(f"epoch {counted_epoch(trainer)}", done, self._total, beside, below))
