"""Whether this machine can hold a model, before anything is allocated for it."""

from __future__ import annotations

from typing import Any

import torch

from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.config.limits import gigabytes, memory_of_machine

COPIES = 4  # of a weight in training: itself, its gradient and the optimizer's two moments


def check_size(config: dict[str, Any]) -> None:
    """Check that the weights of a model fit into memory, by building it without weights.

    Args:
        config: the group `model` of a plain configuration.

    Raises:
        ConfigError: they do not; the largest one is named. Or the model cannot be built.
    """
    try:
        with torch.device("meta"):
            module = instantiate(config)
    except NotImplementedError:  # a network that computes with its weights as it is built
        return
    sizes = {name: weight.numel() * weight.element_size() for name, weight in module.named_parameters()}
    needed, memory = COPIES * sum(sizes.values()), memory_of_machine()
    if needed > memory:
        name = max(sizes, key=lambda name: sizes[name])
        shape = "x".join(map(str, module.get_parameter(name).shape))
        raise ConfigError(
            f"model: training takes {gigabytes(needed)}, but this machine has {gigabytes(memory)}; make the network "
            f"smaller: its largest weight is {name}, {shape}"
        )
