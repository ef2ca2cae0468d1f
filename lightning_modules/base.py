"""The base of all methods: counts iterations, starts and ends the training, saves and restores its state.

It is made of `scalars` (averages that are logged), `recorded` (steps replayed from CUDA graphs) and `checkpoint` (our
entry in checkpoints). Methods with one optimizer derive from `single_optimizer`, others from `adversarial`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from adversaria.config.errors import ConfigError
from adversaria.config.renamed import renamed
from adversaria.runs import random_state, signals
from lightning_modules import checkpoint as checkpoints
from lightning_modules import stopping
from lightning_modules.checks import check_data, check_synchronised
from lightning_modules.labels import LabelColumns
from lightning_modules.recorded import RecordedSteps

OptimizerFactory = Callable[..., torch.optim.Optimizer]


@runtime_checkable
class SavesWithinEpochs(Protocol):
    """A checkpoint callback that also saves within epochs."""

    def on_iteration_end(self, trainer: pl.Trainer, module: BaseModule, stopping: bool) -> None:
        """Save if a checkpoint is due, and in any case if the training stops now."""


class BaseModule(RecordedSteps):
    """Base of all methods.

    Attributes:
        iteration: training batches seen, the x-axis of everything. (Lightning's `global_step` counts optimizer steps.)
        images: training images seen by all processes.
        saved_attributes: names of the attributes in checkpoints; subclasses add theirs.
        config: the plain configuration that the module was built from; None if built by hand.
        value_range: range of the module's images, (-1, 1) or (0, 1).
        needs_domain_pair: whether the data is a pair of domains.
        logs: stages, and the metrics logged in each, or patterns such as `lr_*`; LABEL stands for each label. Plain
            text, read from the source. An entry replaces its bases' of the same stages.
        optimizer_names: of the optimizers in their order, under which learning rates are logged.
        averaged: the part that `ema` averages; None for none.
        started_from: where the first weights came from (`lightning_modules.initial_weights`); empty if drawn.
        label_columns: the labels, among those of the data, that the method is about; None without any.
    """

    value_range: tuple[float, float]
    needs_domain_pair = False
    logs: Mapping[str, str] = {"optim": "lr_*"}
    saved_attributes: tuple[str, ...] = ("iteration", "images", "started_from")
    averaged: str | None = None
    label_columns: LabelColumns | None = None

    def __init__(self) -> None:
        super().__init__()
        self.iteration = self.images = 0
        self.config: dict[str, Any] | None = None
        self.started_from: dict[str, Any] = {}
        self.optimizer_names = ["0"]
        self._reconfigured = False
        self._resumed: list[dict[str, Any]] = []  # each process's random state and averages, from a checkpoint

    @property
    def progress(self) -> float:
        """Fraction of the training done, in [0, 1]."""
        total = (self.trainer.max_epochs or 1) * self.trainer.num_training_batches
        return min(1.0, self.iteration / max(1, total))

    def details(self) -> dict[str, Any]:
        """Return the implementation details that a report needs, by key (`adversaria.runs.wording`); none here."""
        return {}

    def count(self, batch: Mapping[str, Tensor]) -> int:
        """Return the number of images in a batch, summed over all processes."""
        return len(next(iter(batch.values()))) * self.trainer.world_size

    @staticmethod
    def scale_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
        """Set the learning rate to `factor` times the configured one."""
        for group in optimizer.param_groups:
            group["lr"] = optimizer.defaults["lr"] * factor

    # -- training
    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count the iteration, publish the training scalars when they are due, save and stop if a signal asked for it.

        Raises:
            DivergedError: a training scalar became NaN or infinite.
            Interrupted: a signal asked to stop.
        """
        self.iteration += 1
        self.images += self.count(batch)
        self.end_iteration(batch)
        trainer: Any = self.trainer
        last, due = batch_idx + 1 == trainer.num_training_batches, self.iteration % trainer.log_every_n_steps == 0
        if last or due:
            rates = [optimizer.param_groups[0]["lr"] for optimizer in trainer.optimizers]
            self.record("optim", {f"lr_{n}": rate for n, rate in zip(self.optimizer_names, rates, strict=True)})
            self.publish("train", to_callbacks=last)
            self.publish("optim", to_callbacks=last)
        if last:  # a checkpoint is written anyway, after the validation that is due now; the next epoch does not start
            return
        signal = stopping.requested(trainer) if due or trainer.world_size == 1 else 0  # processes meet when it is due
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, SavesWithinEpochs):
                callback.on_iteration_end(trainer, self, stopping=bool(signal))
        if signal:
            signals.stop(signal)

    def end_iteration(self, batch: Any) -> None:
        """Do what ends an iteration, such as updating an average of weights. Called before anything is saved."""

    # -- start, end and checkpoints
    def check_data(self, datamodule: Any) -> None:
        """Check that the data fits the networks; call before the fit, which would first prepare the data.

        Raises:
            ConfigError: another image size, value range, number of data sets or label; or a label of other classes.
        """
        check_data(datamodule, self)

    def check_trainer(self, trainer: pl.Trainer) -> None:
        """Check that the trainer's options fit the method; call before the fit.

        Raises:
            ConfigError: one does not; the message names what to set instead.
        """
        if trainer.limit_train_batches == 0:
            raise ConfigError("trainer.limit_train_batches=0: nothing to train on; evaluate.py only measures")
        check_synchronised(trainer, self)

    def on_train_start(self) -> None:
        """Seed this process or restore its state from the checkpoint; install signal handlers during the fit.

        Lightning has restored the optimizers' settings along with their state. Where the configuration has changed
        since, the new settings are set again.
        """
        if len(self._resumed) == self.trainer.world_size:
            state = self._resumed[self.global_rank]
            random_state.restore(state["rng"], self.device)
            self.averages.restore(state["averages"], self.device)
        else:  # a new run, or another number of processes: each process draws other noise and flips
            seeds = np.random.SeedSequence([torch.initial_seed(), self.global_rank, self.iteration])
            torch.manual_seed(int(seeds.generate_state(1)[0]))
        if self._resumed:
            checkpoints.check_moments(self.trainer.optimizers)
        self._resumed = []
        for optimizer in self.trainer.optimizers if self._reconfigured else []:
            for group in optimizer.param_groups:
                group.update({k: v for k, v in optimizer.defaults.items() if k in group})
        self.start_recording()
        signals.install()  # Lightning has just taken SIGTERM
        signals.defer(True)

    def on_train_epoch_start(self) -> None:
        """Stop if a signal asked for it in the last iteration of an epoch or since: the checkpoint of its end is there.

        Raises:
            Interrupted: there was one.
        """
        stopping.stop_if_requested(self.trainer)

    def on_train_end(self) -> None:
        """Let signals end the process at once again, as all is saved; then stop if one came during the last iterations.

        Raises:
            Interrupted: there was one.
        """
        signals.defer(False)
        self.stop_recording()
        stopping.stop_if_requested(self.trainer)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what the run needs to go on exactly, and what rebuilds the module.

        Raises:
            DivergedError: a weight contains NaN or infinity.
        """
        checkpoints.check_finite_weights(checkpoint["state_dict"], self.iteration)
        checkpoint[checkpoints.KEY] = checkpoints.entry_of(self)

    def make_room(self, weights: Mapping[str, Tensor]) -> None:
        """Make the parts that only some checkpoints have, before weights of these names are copied; none here."""

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the saved attributes, and note whether the configuration has changed."""
        entry = checkpoint[checkpoints.KEY]
        self.make_room(checkpoint["state_dict"])
        checkpoints.restore(self, entry)
        self._reconfigured = renamed(entry["model"]) != self.config
        self._resumed = entry.get("processes", [])
