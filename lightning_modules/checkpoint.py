"""What a checkpoint holds beside weights and optimizers, so that runs go on exactly and modules rebuild themselves."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from adversaria.config.errors import CheckpointError, ConfigError, DivergedError, first_line
from adversaria.config.instantiate import instantiate, is_allowed
from adversaria.config.renamed import renamed
from adversaria.runs import random_state

if TYPE_CHECKING:
    from lightning_modules.base import BaseModule

KEY = "adversaria"  # of our entry in a checkpoint
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
    for name, value in weights.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise DivergedError(f"iteration {iteration}: {name} contains NaN or infinity, checkpoint not written")


def load_module(path: str | Path, checkpoint: str = "last") -> BaseModule:
    """Rebuild a module from a checkpoint or a run folder; see `lightning_modules.load`.

    Nothing in the file is executed: it is read with `weights_only=True`, and the configuration in it can only name
    the targets that any configuration may.

    Raises:
        CheckpointError: the file is missing, damaged, or not a checkpoint of this project.
    """
    file = Path(path) / "checkpoints" / f"{checkpoint}.ckpt" if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise CheckpointError(f"there is no checkpoint {file}")
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
        entry = content[KEY]
        config, iteration, weights = renamed(entry["model"]), entry["iteration"], content["state_dict"]
    except Exception as error:  # a damaged file makes torch.load raise errors of many kinds
        raise CheckpointError(f"{file} is not a readable checkpoint of this project ({first_line(error)})") from error
    if not isinstance(config, dict) or not is_allowed(str(config.get("_target_"))):
        raise CheckpointError(f"{file} does not say which model it holds; it was not saved by train.py")
    module: BaseModule = instantiate(config)
    module.config, module.iteration, module.images = config, iteration, entry["images"]
    module.load_state_dict(weights)
    return module.eval()


def load_network(network: nn.Module, path: str, key: str) -> None:
    """Copy the weights of a trained module's network.

    Args:
        network: receives the weights.
        path: a checkpoint or a run folder.
        key: the configuration key that has the path, for the message.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        ConfigError: its network is another one.
    """
    trained: Any = load_module(path)
    try:
        network.load_state_dict(trained.network.state_dict())
    except (RuntimeError, AttributeError) as error:
        raise ConfigError(f"{key}={path}: its network is not model.network") from error


def _of_all_processes(state: dict[str, Any]) -> list[Any]:
    states: list[Any] = [state]
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        states *= torch.distributed.get_world_size()
        torch.distributed.all_gather_object(states, states[0])
    return states
