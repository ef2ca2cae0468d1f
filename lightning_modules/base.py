"""What every method shares: the progress variable, cheap logging, and checkpoints that rebuild themselves."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor

from adversaria.config.errors import CheckpointError, ConfigError, DivergedError, first_line
from adversaria.config.instantiate import instantiate, is_allowed
from adversaria.config.renamed import renamed
from adversaria.runs import random_state, signals
from adversaria.speed.recorded_steps import GraphReplayer
from adversaria.speed.settings import is_empty

OptimizerFactory = Callable[..., torch.optim.Optimizer]
KEY = "adversaria"  # of our entry in a checkpoint


@runtime_checkable
class SavesWithin(Protocol):
    """A checkpoint callback that saves within epochs too."""

    def on_iteration_end(self, trainer: pl.Trainer, module: BaseModule, stopping: bool) -> None:
        """Save if that is due; certainly where the training stops now."""


class BaseModule(pl.LightningModule):
    """Base of all methods.

    Attributes:
        iteration: training batches seen; persisted. The x-axis of every scalar and image, and the argument of every
            schedule. (Lightning's `global_step` counts optimizer steps: twice as many under two optimizers.)
        images: training images seen by all processes; persisted.
        config: the plain configuration the module was built from; saved in checkpoints, None if built by hand.
        value_range: range of the module's images, (-1, 1) or (0, 1).
        needs_domain_pair: whether the data is a pair of domains.
        recordable: whether steps may be recorded in CUDA graphs: they read no value from the device, and numbers that
            change from step to step come from `changing`. Not inherited, as a subclass may do otherwise.
        cuda_graphs: whether they are to be, where that is possible.
        shown: the training losses that were published last, for a progress bar.
        optimizer_names: of the optimizers in their order, where there are several; their learning rates are logged so.
    """

    value_range: tuple[float, float]
    needs_domain_pair = False
    recordable = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.recordable = cls.__dict__.get("recordable", False)

    def __init__(self) -> None:
        super().__init__()
        self.iteration = self.images = 0
        self.config: dict[str, Any] | None = None
        self.optimizer_names = ["0"]
        self.progress_bar_losses: dict[str, float] = {}
        self.cuda_graphs = False
        self.recorder: GraphReplayer | None = None
        self._averages: dict[str, Average] = {}
        self._reconfigured = False
        self._resumed: list[dict[str, Any]] = []  # what each process had beside the weights, when they were saved

    @property
    def progress(self) -> float:
        """PositiveFraction of the training done, in [0, 1]."""
        total = (self.trainer.max_epochs or 1) * self.trainer.num_training_batches
        return min(1.0, self.iteration / max(1, total))

    def details(self) -> dict[str, Any]:
        """Return the implementation details that a report needs, by key (`adversaria.runs.labels`); none here."""
        return {}

    def count(self, batch: Mapping[str, Tensor]) -> int:
        """Return the number of images in a batch, over all processes."""
        return len(next(iter(batch.values()))) * self.trainer.world_size

    @staticmethod
    def scale_learning_rate(optimizer: torch.optim.Optimizer, factor: float) -> None:
        """Set the learning rate to `factor` times the configured one; keeps no state, so a new one applies at once."""
        for group in optimizer.param_groups:
            group["lr"] = optimizer.defaults["lr"] * factor

    # -- steps may be replayed from CUDA graphs
    def dynamic_scalar(self, value: Callable[[], float]) -> float | Tensor:
        """Return a number of a loss that changes from step to step, such that replays follow it."""
        recording = self.recorder and self.recorder.recording
        return recording.number(value) if recording else value()

    def may_record(self) -> bool:
        """Tell whether steps are to be recorded, and can be in this run."""
        trainer = self.trainer
        alone = trainer.world_size == trainer.accumulate_grad_batches == 1
        plain = not torch.is_anomaly_enabled() and trainer.precision != "16-mixed"
        wanted = self.cuda_graphs and self.recordable and self.device.type == "cuda"
        callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set outside its class body
        return wanted and alone and plain and not any(map(_needs_each_step, callbacks))

    # -- scalars: summed on the device every step, averaged and logged every `trainer.log_every_n_steps` iterations.
    # `self.log` costs 0.4 to 1 ms a value, a tenth of a small step; so callbacks get theirs once an epoch.
    def record(self, stage: str, values: Mapping[str, Tensor | float], count: int = 1) -> None:
        """Add values to the running averages `<stage>/<name>`, weighted with `count`."""
        if self.recorder is not None and self.recorder.recording is not None:
            self.recorder.recording.record(stage, values, count)
            return
        for name, value in values.items():
            value = value.detach().float() if isinstance(value, Tensor) else value
            self._averages.setdefault(f"{stage}/{name}", Average()).add(value, count)

    def publish(self, stage: str, to_callbacks: bool = True) -> None:
        """Average what was recorded under a stage, over all processes, and send it to loggers and callbacks.

        The progress bar shows the values whose name starts with `loss`, of training from `shown`.
        """
        taken = {k: self._averages.pop(k) for k in list(self._averages) if k.startswith(f"{stage}/")}
        if not taken:
            return
        # a constant's mean is the constant, which single precision would not give; Apple's GPUs have no other
        precision: Any = {"device": self.device, "dtype": torch.float32 if self.device.type == "mps" else torch.float64}
        sums = torch.stack([torch.as_tensor(a.total, **precision) for a in taken.values()])
        weights = torch.tensor([float(a.weight) for a in taken.values()], **precision)
        if self.trainer.world_size > 1:
            sums, weights = (self.trainer.strategy.reduce(t, reduce_op="sum") for t in (sums, weights))
        values = dict(zip(taken, (sums / weights).tolist(), strict=True))
        if stage == "train":
            self._check_finite(values)
        for logger in self.loggers:
            logger.log_metrics(values, step=self.iteration)
        in_training = stage not in ("val", "test")
        losses = {name: value for name, value in values.items() if name.startswith(f"{stage}/loss")}
        if in_training:
            self.progress_bar_losses |= losses
        for name, value in values.items() if to_callbacks else ():
            self.log(name, value, prog_bar=name in losses, logger=False, on_step=in_training, on_epoch=not in_training)

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Count the iteration, publish the training scalars when they are due, save and stop if that was asked for.

        Raises:
            DivergedError: a training scalar is no number.
            Interrupted: a signal asked for it.
        """
        self.iteration += 1
        self.images += self.count(batch)
        self.end_iteration(batch)
        every: int = self.trainer.log_every_n_steps  # type: ignore[attr-defined]  # set outside Trainer's class body
        last, due = batch_idx + 1 == self.trainer.num_training_batches, self.iteration % every == 0
        if last or due:
            rates = [optimizer.param_groups[0]["lr"] for optimizer in self.trainer.optimizers]
            self.record("optim", {f"lr_{n}": rate for n, rate in zip(self.optimizer_names, rates, strict=True)})
            self.publish("train", to_callbacks=last)
            self.publish("optim", to_callbacks=last)
        if last:  # after the validation that is due now, all is saved anyway
            return
        number = self._asked_to_stop(due)
        for callback in self.trainer.checkpoint_callbacks:
            if isinstance(callback, SavesWithin):
                callback.on_iteration_end(self.trainer, self, stopping=bool(number))
        if number:
            raise signals.Interrupted(number)

    def end_iteration(self, batch: Any) -> None:
        """Do what belongs to an iteration after its steps: an average follows. Called before anything is saved."""

    def _asked_to_stop(self, due: bool) -> int:
        """Return the signal that asked any of the processes to stop; where there are several, only when it is due."""
        if self.trainer.world_size == 1:
            return signals.asked()
        if not due:
            return 0
        number = torch.tensor(float(signals.asked()), device=self.device)
        return int(self.trainer.strategy.reduce(number, reduce_op="max"))

    def _check_finite(self, values: Mapping[str, float]) -> None:
        lost = [f"{name} is {value}" for name, value in values.items() if not math.isfinite(value)]
        if lost:
            raise DivergedError(
                f"iteration {self.iteration}: {', '.join(lost)}, a mean since the last logged point. Lower the "
                "learning rate or clip the gradient; trainer.log_every_n_steps=1 finds the step, "
                "trainer.detect_anomaly=true the operation"
            )

    def on_validation_epoch_end(self) -> None:
        """Publish the validation scalars."""
        self.publish("val")

    def on_test_epoch_end(self) -> None:
        """Publish the test scalars."""
        self.publish("test")

    # -- start and checkpoints
    def check_data(self, datamodule: Any) -> None:
        """Check that the data fits the networks; call before the fit, which would first prepare the data.

        Raises:
            ConfigError: another image size or value range; one data set where the method needs two, or the reverse.
        """
        if hasattr(datamodule, "domains") != self.needs_domain_pair:
            cure = (
                "a pair of digit sets, e.g. data=usps_mnistm"
                if self.needs_domain_pair
                else "one data set, e.g. data=mnistm"
            )
            raise ConfigError(f"data: {type(self).__name__} needs {cure}")
        for key in ("value_range", "image_size"):
            have, want = getattr(datamodule, key, None), getattr(self, key, None)
            if have is not None and want is not None and have != want:
                have, want = (f"[{v[0]:g}, {v[1]:g}]" if isinstance(v, tuple) else v for v in (have, want))
                raise ConfigError(f"data.{key}={have}: this network's images have {key} {want}; set data.{key}={want}")

    def check_trainer(self, trainer: pl.Trainer) -> None:
        """Check that the trainer's options fit the method; call before the fit.

        Raises:
            ConfigError: one does not; the message names what to set instead.
        """
        if trainer.limit_train_batches == 0:
            raise ConfigError("trainer.limit_train_batches=0: nothing to train on; evaluate.py measures alone")

    def on_train_start(self) -> None:
        """Seed this process, or let it go on as the saved one was about to; take the signals for the time of the fit.

        Lightning has restored the optimizers' settings along with their state; where the configuration has changed
        since, it wins.
        """
        if len(self._resumed) == self.trainer.world_size:
            state = self._resumed[self.global_rank]
            random_state.restore(state["rng"], self.device)
            for name, (total, weight) in state["averages"].items():
                self._averages[name] = Average(total.to(self.device), weight)
        else:  # anew, or on another number of processes: noise and flips differ between them
            seeds = np.random.SeedSequence([torch.initial_seed(), self.global_rank, self.iteration])
            torch.manual_seed(int(seeds.generate_state(1)[0]))
        self._resumed = []
        for optimizer in self.trainer.optimizers if self._reconfigured else []:
            for group in optimizer.param_groups:
                group.update({k: v for k, v in optimizer.defaults.items() if k in group})
        self.recorder = GraphReplayer(self.device, self.record) if self.may_record() else None
        signals.install()  # Lightning has just taken SIGTERM
        signals.defer(True)

    def on_train_end(self) -> None:
        """Obey signals at once again, now that all is saved; and one that came in the last iterations.

        Raises:
            Interrupted: there was one.
        """
        signals.defer(False)
        self.recorder = None
        if number := self._asked_to_stop(due=True):
            raise signals.Interrupted(number)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add the iteration, the plain configuration and versions, and what each process must go on with.

        Raises:
            DivergedError: a weight is no number.
        """
        for name, value in checkpoint["state_dict"].items():
            if value.is_floating_point() and not bool(value.isfinite().all()):
                raise DivergedError(f"iteration {self.iteration}: {name} has values that are no numbers; not saved")
        averages = {name: (torch.as_tensor(a.total).cpu(), a.weight) for name, a in self._averages.items()}
        states: list[Any] = [{"rng": random_state.capture(self.device), "averages": averages}]
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            states *= torch.distributed.get_world_size()
            torch.distributed.all_gather_object(states, states[0])
        checkpoint[KEY] = {
            "iteration": self.iteration,
            "images": self.images,
            "model": self.config,
            "versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0]},
            "processes": states,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Restore the iteration, and see whether the configuration has changed."""
        self.iteration, self.images = checkpoint[KEY]["iteration"], checkpoint[KEY]["images"]
        self._reconfigured = renamed(checkpoint[KEY]["model"]) != self.config
        self._resumed = checkpoint[KEY].get("processes", [])


def _needs_each_step(callback: pl.Callback) -> bool:
    """Tell whether a callback has hooks that a replay does not call, or changes what was recorded."""
    changes = ("GradientAccumulationScheduler", "ModelPruning", "StochasticWeightAveraging")
    hooks = ("on_before_backward", "on_after_backward")
    return isinstance(callback, tuple(getattr(pl.callbacks, name) for name in changes)) or not all(
        is_empty(hook, callback, pl.Callback) for hook in hooks
    )


def check_network(network: Any, kind: type, method: str) -> None:
    """Raise a ConfigError unless a method was given a network of its own kind."""
    if not isinstance(network, kind):
        raise ConfigError(
            f"model.network: {type(network).__name__} is no {kind.__name__}, which {method} needs; choose another with "
            "model/network=NAME (see --help)"
        )


class Average:
    """A weighted mean whose sum stays on the device."""

    def __init__(self, total: Tensor | float = 0.0, weight: int = 0) -> None:
        self.total, self.weight = total, weight

    def add(self, value: Tensor | float, count: int) -> None:
        """Add a value that is the mean over `count` items."""
        self.total = self.total + (value if count == 1 else value * count)
        self.weight += count


def load_module(file: Path) -> BaseModule:
    """Rebuild a module from a checkpoint file; see `lightning_modules.load`.

    Nothing in the file is executed: it is read with `weights_only=True`, and the configuration in it can only name
    the targets that any configuration may.
    """
    if not file.is_file():
        raise CheckpointError(f"there is no checkpoint {file}")
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        entry = checkpoint[KEY]
        config, iteration, weights = renamed(entry["model"]), entry["iteration"], checkpoint["state_dict"]
    except Exception as error:  # torch.load raises whatever a damaged file makes it stumble over
        raise CheckpointError(f"{file} is not a readable checkpoint of this project ({first_line(error)})") from error
    if not isinstance(config, dict) or not is_allowed(str(config.get("_target_"))):
        raise CheckpointError(f"{file} does not say which model it holds; it was not saved by train.py")
    module = instantiate(config)
    module.config, module.iteration, module.images = config, iteration, entry["images"]
    module.load_state_dict(weights)
    return module.eval()
