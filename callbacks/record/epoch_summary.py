"""A line in the log after each epoch, with the throughput."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

import pytorch_lightning as pl

log = logging.getLogger(__name__)


class EpochSummary(pl.Callback):
    """Log epoch, iteration, losses, images a second and the time left, and record `perf/images_per_second`.

    The throughput is that of training batches, of both domains where there are two, without validation, pictures and
    checkpoints. The first batch of an epoch is left out: it includes the start of the loader.
    """

    logs = {"perf": "images_per_second"}

    def __init__(self) -> None:
        self._epoch_start = self._first_batch = self._last_batch = 0.0
        self._images = 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the clock; Lightning does not call the next hook where a run resumes within an epoch."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the clock."""
        self._epoch_start = time.perf_counter()
        self._images, self._first_batch = 0, 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count the images."""
        self._last_batch = time.perf_counter()
        if not self._first_batch:
            self._first_batch = self._last_batch
        else:
            self._images += pl_module.count(batch)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Log the line, and the throughput where more than one batch was timed."""
        elapsed = self._last_batch - self._first_batch
        speed = self._images / elapsed if elapsed > 0 and self._images else 0.0
        for logger in trainer.loggers if speed else []:
            logger.log_metrics({"perf/images_per_second": speed}, step=pl_module.iteration)
        if not trainer.is_global_zero:
            return
        epoch, last = trainer.current_epoch + 1, trainer.max_epochs or 0
        left = timedelta(seconds=round((time.perf_counter() - self._epoch_start) * (last - epoch)))
        validated = {n: v for n, v in trainer.callback_metrics.items() if n.startswith("val/loss")}
        losses = "".join(f"  {n} {float(v):.4g}" for n, v in {**pl_module.progress_bar_losses, **validated}.items())
        log.info(
            "epoch %d/%d  iteration %d%s  %.0f images/s  %s left",
            *(epoch, last, pl_module.iteration, losses, speed, left),
        )
