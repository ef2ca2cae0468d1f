"""A line in the log after each epoch, with the throughput."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import pytorch_lightning as pl
import torch

from adversaria.runs import terminal

log = logging.getLogger(__name__)
DISTURBED = 0.8  # share of the time in which the thread of the training runs, below which others keep it from running
TIMED = 5.0  # seconds of an epoch from which on that share says something


class EpochSummary(pl.Callback):
    """Log epoch, losses, images a second, the time left and iteration, and record `perf/images_per_second`.

    The throughput is that of training batches, of both domains where there are two, without validation, pictures and
    checkpoints. The first batch of an epoch is left out: it includes the start of the loader. Where an epoch
    trains no other, it has no throughput.

    It says once if other programs slow a run's threads on a processor down. Each step then waits for the thread that
    has to wait for a core, for milliseconds each time, and a single thread can be several times as fast.
    """

    logs = {"perf": "images_per_second"}

    def __init__(self) -> None:
        self._epoch_start = self._first_batch = self._last_batch = 0.0
        self._first_thread_time = self._last_thread_time = 0.0
        self._images, self._told = 0, False

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the clock; Lightning does not call the next hook where a run resumes within an epoch."""
        self.on_train_epoch_start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Start the clock."""
        self._epoch_start = time.perf_counter()
        self._images, self._first_batch = 0, 0.0

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count the images."""
        self._last_batch, self._last_thread_time = time.perf_counter(), time.thread_time()
        if not self._first_batch:
            self._first_batch, self._first_thread_time = self._last_batch, self._last_thread_time
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
        left = (trainer.max_epochs or 0) - trainer.current_epoch - 1  # epochs; below 0 where there is no last one
        validated = {n: v for n, v in trainer.callback_metrics.items() if n.startswith("val/loss")}
        fields = [
            f"epoch {counted_epoch(trainer)}",
            *loss_fields({**pl_module.progress_bar_losses, **validated}),
            *([f"{speed:.0f} images/s"] if speed else []),
            *([terminal.left((time.perf_counter() - self._epoch_start) * left)] if left >= 0 else []),
            f"iteration {pl_module.iteration}",
        ]
        log.info("%s", "  ".join(fields), extra={"fields": True})
        self._tell_if_disturbed(pl_module.device, elapsed)

    def _tell_if_disturbed(self, device: torch.device, elapsed: float) -> None:
        """Say once how to train faster beside other programs."""
        disturbed = self._last_thread_time - self._first_thread_time < DISTURBED * elapsed
        threads = torch.get_num_threads()
        if device.type == "cpu" and threads > 1 and elapsed > TIMED and disturbed and not self._told:
            self._told = True
            log.warning(
                "other programs use the processor too, and the %d threads of this run wait for each other; that can "
                "take most of the time. Stop it, and go on with it with OMP_NUM_THREADS=1 in front of the command",
                threads,
            )


def counted_epoch(trainer: pl.Trainer) -> str:
    """Return the epoch that runs, counted from 1, and that of the last where there is one: `2/5`."""
    last = trainer.max_epochs or -1
    return f"{trainer.current_epoch + 1}" + (f"/{last}" if last > 0 else "")


def loss_fields(losses: Mapping[str, Any]) -> list[str]:
    """Return losses as texts, with short names: `loss 0.5`, `val loss 0.6`."""
    named = {name.removeprefix("train/").replace("/", " "): float(value) for name, value in losses.items()}
    return [f"{name} {value:.4g}" for name, value in named.items()]
