"""Starting a module from trained weights: those that fit by name and shape are taken, all others are new."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from adversaria.config.errors import CheckpointError, ConfigError
from lightning_modules.checkpoint import AVERAGE, KEY, not_finite
from lightning_modules.rebuild import read_checkpoint

if TYPE_CHECKING:
    from lightning_modules.base import BaseModule

log = logging.getLogger("adversaria")
SHOWN = 4  # weights that a line names


@torch.no_grad()
def start_from(module: BaseModule, file: Path) -> None:
    """Copy the weights of a checkpoint that fit, say which, and note it in `module.started_from` for the record.

    Where the checkpoint has averaged weights, they are the start of the live weights and of their average: they are
    the better ones. Nothing else is taken: optimizers, counters and random numbers are those of a new run. Nothing of
    the checkpoint is built.

    Args:
        module: a new module.
        file: the checkpoint.

    Raises:
        CheckpointError: it cannot be read, or its weights are not finite.
        ConfigError: no layer's weight fits, as of another kind of network.
    """
    content = read_checkpoint(file)
    given, own = content["state_dict"], module.state_dict()
    weights = given if module.averaged is None else _average_first(given, f"{module.averaged}.")
    fitting = {name: weights[name] for name, weight in own.items() if _fits(weights.get(name), weight)}
    if not any(weight.dim() > 1 for weight in fitting.values()):  # numbers of a bias fit almost anything
        raise ConfigError(f"init_from: no layer of {file} fits this model{_difference(content, module)}")
    if damaged := not_finite(fitting):
        raise CheckpointError(f"the weights in {file} are damaged: {damaged} contains NaN or infinity")
    for name, weight in fitting.items():
        own[name].copy_(weight)
    _note(module, file, content, fitting)


def _note(module: BaseModule, file: Path, content: Mapping[str, Any], fitting: Mapping[str, Tensor]) -> None:
    """Say what was taken, and note it for the record."""
    own, given = module.state_dict(), content["state_dict"]
    live = [name for name in own if not name.startswith(AVERAGE)]
    new = [name for name in live if name not in fitting]
    unused = [name for name in given if name not in fitting and not name.startswith(AVERAGE)]
    averaged = module.averaged is not None and any(name.startswith(AVERAGE) for name in given)
    module.started_from = {
        "init_from": "/".join(file.parts[-4:]),  # as outputs/NAME/RUN/…, without the place on this machine
        "init_digest": hashlib.sha256(file.read_bytes()).hexdigest()[:8],  # tells checkpoints of one path apart
        "init_iteration": content[KEY]["iteration"],
        "init_taken": f"{len(live) - len(new)} of {len(live)}",
        "init_averaged": averaged,
        "init_new": new,
    }
    which = f"; those of {module.averaged} are averaged ones" if averaged else ""
    text = "starting from %s, iteration %d: %s weights fit by name and shape%s"
    log.info(text, file, content[KEY]["iteration"], module.started_from["init_taken"], which)
    if new or unused:
        log.info("new, and not from there: %s; there, and not used: %s", _listed(new), _listed(unused))


def _average_first(weights: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """Return weights in which a part and its average are the same: the average where there is one."""
    live, average = (
        {name.removeprefix(prefix): weight for name, weight in weights.items() if name.startswith(prefix)}
        for prefix in (part, AVERAGE)
    )
    start = {**live, **average}
    return {**weights, **{part + name: w for name, w in start.items()}, **{AVERAGE + n: w for n, w in start.items()}}


def _fits(given: Tensor | None, own: Tensor) -> bool:
    return given is not None and given.shape == own.shape and given.is_floating_point() == own.is_floating_point()


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (", ".join(names[:SHOWN]) or "none") + more


def _difference(content: Mapping[str, Any], module: BaseModule) -> str:
    """Say how the model in a checkpoint differs from a module, and what to do about it."""
    there, here = (config or {} for config in (content[KEY]["model"], module.config))
    (method, network), own = (_classes(config) for config in (there, here))
    if (method, network) != own:
        return f": it is of {method} with {network}, and this run is {own[0]} with {own[1]}; choose another"
    first, second = there["network"], here["network"]
    keys = [key for key in second if first.get(key) != second[key] and isinstance(first.get(key), int | float | list)]
    changes = " ".join(f"model.network.{key}={first[key]}".replace(" ", "") for key in keys)
    return f"; set {changes}, as there" if changes else "; choose a checkpoint of the same network"


def _classes(config: Mapping[str, Any]) -> tuple[str, str]:
    """Return the names of a model's class and of its network's."""
    nodes = (config, config.get("network"))
    method, network = (
        str(node.get("_target_", "")).rpartition(".")[2] if isinstance(node, dict) else "nothing" for node in nodes
    )
    return method, network
