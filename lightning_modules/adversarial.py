"""Methods with several optimizers that are updated in turn: the only manual-optimization loop of the project."""

from __future__ import annotations

import abc
import contextlib
import functools
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.core.optimizer import LightningOptimizer
from pytorch_lightning.strategies import DDPStrategy, ParallelStrategy
from torch import Tensor, nn
from torch.optim import Optimizer

from adversaria.config.errors import ConfigError
from adversaria.config.types import Batch, NonNegativeInt, Positive, PositiveInt
from lightning_modules.base import BaseModule, OptimizerFactory
from lightning_modules.schedules import Schedule, as_schedule


@dataclass
class OptimizerSettings:
    """How, and how often, one network is updated.

    Whether an update is due depends on the iteration alone, so ratios like n_critic hold across epochs and resumes.

    Args:
        optimizer: factory of the optimizer, given the parameters.
        lr_factor: multiplies the optimizer's learning rate; a schedule makes it decay.
        every: update in every N-th iteration (5 for a WGAN's generator).
        repeat: steps in an iteration with an update; 0 skips it. With schedules of 0 and 1 two networks alternate.
        accumulate: parts that the batch is cut into, forward and backward one after the other, to save memory.
        clip: upper bound of the gradient's norm; null for none.
    """

    optimizer: OptimizerFactory
    lr_factor: Positive | Schedule = 1.0
    every: PositiveInt | Schedule = 1
    repeat: NonNegativeInt | Schedule = 1
    accumulate: PositiveInt = 1
    clip: Positive | None = None

    def __post_init__(self) -> None:
        self._lr_factor, self._every, self._repeat = map(as_schedule, (self.lr_factor, self.every, self.repeat))

    def steps(self, iteration: int) -> int:
        """Return the number of steps in this iteration."""
        due = (iteration + 1) % max(1, round(self._every(iteration))) == 0
        return round(self._repeat(iteration)) if due else 0

    def rate(self, iteration: int) -> float:
        """Return the factor of the learning rate."""
        return self._lr_factor(iteration)


@dataclass(frozen=True)
class Phase:
    """The update of one network.

    Attributes:
        name: of the phase.
        network: the network that is updated; phases share no parameter.
        update: how and how often.
        loss: batch -> scalar, computed while only this network's parameters require gradients.
        after: called after each step, to clip weights for example.
        ready: whether to update in this iteration; None for always.
        graph_key: names the code path that the loss takes in this iteration, for recorded steps (`GraphReplayer.run`);
            None where it always takes the same.
    """

    name: str
    network: nn.Module
    update: OptimizerSettings
    loss: Callable[[Batch], Tensor]
    after: Callable[[], None] | None = None
    ready: Callable[[], bool] | None = None
    graph_key: Callable[[], Hashable] | None = None


class AdversarialModule(BaseModule):
    """Base of the methods whose networks are updated in turn; a method returns its `phases`.

    Attributes:
        update_counts: steps that each phase has taken, by its name.
        update_keys: keys of the configuration that have an `OptimizerSettings`.
    """

    update_keys: tuple[str, ...] = ("discriminator", "generator")
    saved_attributes: tuple[str, ...] = (*BaseModule.saved_attributes, "update_counts")

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self._phases: list[Phase] = []
        self._others: dict[str, list[nn.Parameter]] = {}  # the other phases' parameters, by a phase's name
        self.update_counts: dict[str, int] = {}

    @abc.abstractmethod
    def phases(self) -> list[Phase]:
        """Return the phases in the order of their updates."""

    def configure_optimizers(self) -> list[Optimizer]:
        """Return one optimizer for each phase."""
        self._phases = self.phases()
        self.optimizer_names = [phase.name for phase in self._phases]
        for phase in self._phases:
            self._others[phase.name] = [p for o in self._phases if o is not phase for p in o.network.parameters()]
        return [phase.update.optimizer(list(phase.network.parameters())) for phase in self._phases]

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Take the steps of each phase that is due."""
        optimizers: Any = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]  # Lightning unpacks a single one
        for phase, optimizer in zip(self._phases, optimizers, strict=True):
            if phase.ready is not None and not phase.ready():
                continue
            for _ in range(phase.update.steps(self.iteration)):
                self._step(phase, optimizer, batch)

    def _step(self, phase: Phase, optimizer: LightningOptimizer, batch: Batch) -> None:
        self.scale_learning_rate(optimizer.optimizer, self.rate(phase))
        graph_key = phase.name, phase.graph_key and phase.graph_key()
        self.run_step(graph_key, functools.partial(self._backward, phase), batch, phase.network)
        if phase.update.clip is not None:
            self.clip_gradients(optimizer.optimizer, phase.update.clip, "norm")
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        self.update_counts[phase.name] = self.update_counts.get(phase.name, 0) + 1
        if phase.after is not None:
            phase.after()

    def _backward(self, phase: Phase, batch: Batch) -> None:
        strategy, parts = self.trainer.strategy, _parts(batch, phase.update.accumulate)
        for part, weight in parts:
            more = part is not parts[-1][0]
            kept = strategy.block_backward_sync() if more and isinstance(strategy, ParallelStrategy) else nullcontext()
            # only this phase's parameters require gradients, so DDP reduces no others
            with frozen(self._others[phase.name]), kept:
                loss = phase.loss(part)
                self.manual_backward(loss if weight == 1 else loss * weight)

    def rate(self, phase: Phase) -> float:
        """Return the factor of a phase's learning rate in this iteration."""
        return phase.update.rate(self.iteration)

    def check_trainer(self, trainer: pl.Trainer) -> None:
        """Refuse what manual optimization cannot do, and tell DDP that each phase uses only its own parameters.

        Raises:
            ConfigError: naming the key, and the one to use instead.
        """
        super().check_trainer(trainer)
        for key, unset, cure in (("gradient_clip_val", None, "clip=1"), ("accumulate_grad_batches", 1, "accumulate=2")):
            if (value := getattr(trainer, key)) != unset:
                sides = " and ".join(f"model.{key}.{cure}" for key in self.update_keys)
                raise ConfigError(f"trainer.{key}={value}: each network has its own; set e.g. {sides} instead")
        if trainer.precision == "16-mixed":
            raise ConfigError("trainer.precision=16-mixed: one gradient scaler does not fit two losses; use bf16-mixed")
        if isinstance(trainer.strategy, DDPStrategy):
            find_unused_parameters(trainer.strategy)


@contextlib.contextmanager
def frozen(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """Compute no gradients of these parameters.

    Lightning's `toggle_optimizer` does the same in a dictionary of all parameters, which takes several times as long.
    """
    changed = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in changed:
        parameter.requires_grad = False
    try:
        yield
    finally:
        for parameter in changed:
            parameter.requires_grad = True


def find_unused_parameters(strategy: DDPStrategy) -> None:
    """Let DDP find the parameters that a loss does not use, as `strategy=ddp_find_unused_parameters_true` does.

    Lightning has no public way to set this option of a strategy that is already built. With strategy=auto it chooses
    DDP itself while it builds the trainer, so the option cannot be given earlier. The tests notice if the private
    attribute is gone.
    """
    strategy._ddp_kwargs["find_unused_parameters"] = True


def _parts(batch: Batch, count: int) -> list[tuple[Batch, float]]:
    """Return parts of a batch, and the fraction of the batch that each is."""
    if count == 1:
        return [(batch, 1.0)]
    size = len(next(iter(batch.values())))
    chunks = {key: value.chunk(count) for key, value in batch.items()}
    parts = zip(*chunks.values(), strict=True)
    return [(dict(zip(chunks, values, strict=True)), len(values[0]) / size) for values in parts]
