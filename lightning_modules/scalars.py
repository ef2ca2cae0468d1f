"""Scalars that a method records in each step: averaged on the device, logged every `trainer.log_every_n_steps`.

`LightningModule.log` costs 0.4 to 1 ms a value, a tenth of a small step. A sum on the device costs one small kernel, so
callbacks get the values once an epoch and loggers when they are due.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from adversaria.config.errors import DivergedError

States = dict[str, tuple[Tensor, int]]  # sum and weight of each average, on the CPU


class Average:
    """A weighted mean whose sum stays on the device."""

    def __init__(self, total: Tensor | float = 0.0, weight: int = 0) -> None:
        self.total, self.weight = total, weight

    def add(self, value: Tensor | float, count: int) -> None:
        """Add a value that is the mean over `count` items."""
        self.total = self.total + (value if count == 1 else value * count)
        self.weight += count


class RunningAverages:
    """Averages by name, `<stage>/<name>`; a stage is `train`, `optim`, `val` or `test`."""

    def __init__(self) -> None:
        self._averages: dict[str, Average] = {}

    def add(self, stage: str, values: Mapping[str, Tensor | float], count: int) -> None:
        """Add the values of a step, each a mean over `count` items."""
        for name, value in values.items():
            value = value.detach().float() if isinstance(value, Tensor) else value
            self._averages.setdefault(f"{stage}/{name}", Average()).add(value, count)

    def take(self, stage: str, device: torch.device, reduce: Callable[[Tensor], Tensor]) -> dict[str, float]:
        """Remove the averages of a stage and return their values.

        Args:
            stage: whose averages to take.
            device: where the sums are.
            reduce: sums a tensor over all processes.
        """
        taken = {k: self._averages.pop(k) for k in list(self._averages) if k.startswith(f"{stage}/")}
        if not taken:
            return {}
        # float64, or the mean of a constant would not be the constant; Apple's GPUs have no float64
        options: Any = {"device": device, "dtype": torch.float32 if device.type == "mps" else torch.float64}
        sums = reduce(torch.stack([torch.as_tensor(a.total, **options) for a in taken.values()]))
        weights = reduce(torch.tensor([float(a.weight) for a in taken.values()], **options))
        return dict(zip(taken, (sums / weights).tolist(), strict=True))

    def states(self) -> States:
        """Return the unpublished averages for a checkpoint."""
        return {name: (torch.as_tensor(a.total).cpu(), a.weight) for name, a in self._averages.items()}

    def restore(self, states: States, device: torch.device) -> None:
        """Go on with the averages of a checkpoint."""
        for name, (total, weight) in states.items():
            self._averages[name] = Average(total.to(device), weight)


class ScalarLogging(pl.LightningModule):
    """Averages what is recorded, and publishes the averages.

    Attributes:
        averages: what was recorded and not yet published.
        progress_bar_losses: the training losses that were published last, by name.
    """

    iteration: int

    def __init__(self) -> None:
        super().__init__()
        self.averages = RunningAverages()
        self.progress_bar_losses: dict[str, float] = {}

    def record(self, stage: str, values: Mapping[str, Tensor | float], count: int = 1) -> None:
        """Add values to the running averages `<stage>/<name>`, weighted with `count`."""
        self.averages.add(stage, values, count)

    def publish(self, stage: str, to_callbacks: bool = True) -> None:
        """Average what was recorded under a stage, over all processes, and send it to loggers and callbacks.

        What is recorded while Lightning only tries the validation out (`trainer.num_sanity_val_steps`) is forgotten.

        The progress bar shows values whose name starts with `loss`; those of the training are `progress_bar_losses`.

        Raises:
            DivergedError: a training scalar became NaN or infinite.
        """
        values = self.averages.take(stage, self.device, self._sum_over_processes)
        if getattr(self.trainer, "sanity_checking", False):
            return
        if stage == "train":
            check_finite(values, self.iteration)
        for logger in self.loggers if values else ():
            logger.log_metrics(values, step=self.iteration)
        in_training = stage not in ("val", "test")
        losses = {name: value for name, value in values.items() if name.startswith(f"{stage}/loss")}
        if in_training:
            self.progress_bar_losses |= losses
        for name, value in values.items() if to_callbacks else ():
            self.log(name, value, prog_bar=name in losses, logger=False, on_step=in_training, on_epoch=not in_training)

    def on_validation_epoch_end(self) -> None:
        """Publish the validation scalars."""
        self.publish("val")

    def on_test_epoch_end(self) -> None:
        """Publish the test scalars."""
        self.publish("test")

    def _sum_over_processes(self, values: Tensor) -> Tensor:
        if self.trainer.world_size == 1:
            return values
        total: Tensor = self.trainer.strategy.reduce(values, reduce_op="sum")
        return total


def check_finite(values: Mapping[str, float], iteration: int) -> None:
    """Check the averages of the training.

    Raises:
        DivergedError: one became NaN or infinite.
    """
    lost = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
    if lost:
        raise DivergedError(
            f"iteration {iteration}: {', '.join(lost)} (means since the last logged point). Lower the learning rate or "
            "clip the gradient. trainer.log_every_n_steps=1 finds the step, trainer.detect_anomaly=true the operation"
        )
