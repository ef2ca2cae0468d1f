"""What a checkpoint holds beside weights and optimizers, so that runs go on exactly and modules rebuild themselves.

`lightning_modules.rebuild` reads it again.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from adversaria.config.errors import CheckpointError, DivergedError
from adversaria.runs import random_state

if TYPE_CHECKING:
    from lightning_modules.base import BaseModule

KEY = "adversaria"  # of our entry in a checkpoint
AVERAGE = "ema.network."  # begins the names of averaged weights
#: What optimizers keep of each parameter, in its shape.
MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq", "square_avg", "grad_avg", "momentum_buffer")
#: Attributes of modules that checkpoints of version 0.1.0 call otherwise.
RENAMED_ATTRIBUTES = {"turns": "update_counts", "accuracy": "discriminator_accuracy"}


def entry_of(module: BaseModule) -> dict[str, Any]:
    """Return the entry: the module's saved attributes, its configuration, versions, and each process's state."""
    state = {"rng": random_state.capture(module.device), "averages": module.averages.states()}
    return {
        **{name: getattr(module, name) for name in module.saved_attributes},
        "model": module.config,
        "versions": {"python": platform.python_version(), "torch": torch.__version__.split("+")[0]},
        "processes": _of_all_processes(state),
    }


def restore(module: BaseModule, entry: dict[str, Any]) -> None:
    """Set the module's saved attributes from an entry of this or an older version."""
    entry = {RENAMED_ATTRIBUTES.get(key, key): value for key, value in entry.items()}
    for name in module.saved_attributes:
        if name in entry:
            setattr(module, name, entry[name])


def check_finite_weights(weights: Mapping[str, Tensor], iteration: int) -> None:
    """Check the weights before they are saved.

    Raises:
        DivergedError: one contains NaN or infinity.
    """
    if name := not_finite(weights):
        raise DivergedError(f"iteration {iteration}: {name} contains NaN or infinity, checkpoint not written")


def not_finite(weights: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first weight that contains NaN or infinity, None if there is none."""
    floats = ((name, value) for name, value in weights.items() if value.is_floating_point())
    return next((name for name, value in floats if not bool(value.isfinite().all())), None)


def check_moments(optimizers: Iterable[torch.optim.Optimizer]) -> None:
    """Check what optimizers have restored of their parameters.

    Raises:
        CheckpointError: an average has not the shape of its parameter.
    """
    for optimizer in optimizers:
        for parameter, state in optimizer.state.items():
            for name, value in state.items():
                if name in MOMENTS and isinstance(value, Tensor) and value.shape != parameter.shape:
                    shapes = f"{list(value.shape)} for a weight of {list(parameter.shape)}"
                    raise CheckpointError(f"the checkpoint is damaged: an optimizer's {name} is {shapes}")


def _of_all_processes(state: dict[str, Any]) -> list[Any]:
    states: list[Any] = [state]
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        states *= torch.distributed.get_world_size()
        torch.distributed.all_gather_object(states, states[0])
    return states
