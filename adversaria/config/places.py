"""What the target of a node may be: its place in a configuration decides.

The same table holds for a configuration that is composed and for one that comes with a checkpoint or a run folder. A
configuration from elsewhere can therefore build a model, its data and what measures it, and call nothing else.
"""

from __future__ import annotations

import inspect
from typing import Any

from adversaria.config.errors import ConfigError
from adversaria.config.signatures import role

CLASS = "class"
MODULE = "torch.nn.modules.module.Module"
OPTIMIZER = "torch.optim.optimizer.Optimizer"
CALLBACK = "pytorch_lightning.callbacks.callback.Callback"
LOGGER = "lightning_fabric.loggers.logger.Logger"

#: Place -> beginning of a target -> what it is: a class, a class derived from the one named, or one of our functions
#: that only compute, a loss or a schedule. A place is the first part of a node's path.
PLACES: dict[str, dict[str, tuple[str, ...]]] = {
    "data": {"datamodules.": (CLASS,)},
    "model": {
        "lightning_modules.": (CLASS, "loss", "schedule"),
        "datamodules.augmentation.": (CLASS,),
        "torch.nn.": (MODULE,),
        "torch.optim.": (OPTIMIZER,),
    },
    "trainer": {"pytorch_lightning.Trainer": (CLASS,)},
    "callbacks": {
        "callbacks.": (CLASS,),
        "adversaria.measures.": (CLASS,),
        "pytorch_lightning.callbacks.": (CALLBACK,),
    },
    "logger": {"adversaria.runs.csv_logger.": (CLASS,), "pytorch_lightning.loggers.": (LOGGER,)},
}
#: The same of all places together.
ANYWHERE = {prefix: kinds for place in PLACES.values() for prefix, kinds in place.items()}


def kinds_of(target: Any, place: str | None = None) -> tuple[str, ...]:
    """Return what a target may be at a place, or anywhere; nothing where it is not allowed there.

    A name with a private part is allowed nowhere.
    """
    parts = target.split(".") if isinstance(target, str) else []
    if len(parts) < 2 or not all(part.isidentifier() and not part.startswith("_") for part in parts):
        return ()
    allowed = ANYWHERE if place is None else PLACES.get(place, {})
    found = [prefix for prefix in allowed if target == prefix or (prefix[-1] == "." and target.startswith(prefix))]
    return allowed[max(found, key=len)] if found else ()


def check_target(target: Any, path: str) -> None:
    """Check that the node at a path may have this target, as far as this can be told without importing it.

    Raises:
        ConfigError: it may not; or there is no such module, class or function of ours.
    """
    place = path.partition(".")[0].partition("[")[0]
    kinds = kinds_of(target, place)
    if not kinds:
        allowed = ", ".join(f"{prefix}*" if prefix[-1] == "." else prefix for prefix in PLACES.get(place, {}))
        raise ConfigError(f"{path}._target_={target} is not allowed; a target in {place} is one of {allowed or 'none'}")
    found = role(target)
    if found is not None and found not in kinds:
        raise ConfigError(f"{path}._target_={target} is not allowed: it is a {found}, not a {' or a '.join(kinds)}")


def is_one_of(found: Any, target: str, kinds: tuple[str, ...]) -> bool:
    """Tell whether an imported class or function is what the table allows."""
    if not inspect.isclass(found):
        return inspect.isfunction(found) and role(target) in kinds
    names = [f"{base.__module__}.{base.__qualname__}" for base in found.__mro__]
    return CLASS in kinds or any(kind in names for kind in kinds)
