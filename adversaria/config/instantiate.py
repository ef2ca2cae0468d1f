"""The one way from a configuration node to an object."""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import Any

from adversaria.config.errors import ConfigError, first_line, suggest

#: Where a `_target_` may live. Configurations are code: this list keeps a stray or hostile one from reaching the
#: rest of the interpreter (`os.system`, `torch.load`, …).
ALLOWED = (
    "adversaria.",
    "lightning_modules.",
    "datamodules.",
    "callbacks.",
    "torch.optim.",
    "torch.nn.",
    "pytorch_lightning.Trainer",
    "pytorch_lightning.callbacks.",
    "pytorch_lightning.loggers.",
    "pytorch_lightning.profilers.",
    "pytorch_lightning.strategies.",
    "torchmetrics.",
)
PLACES = ", ".join(f"{prefix}*" for prefix in ALLOWED)


def instantiate(node: Any, /, **extra: Any) -> Any:
    """Build what a plain configuration describes.

    A mapping with `_target_` becomes a call of the class or function it names, its other keys the arguments (built
    first, depth first); with `_partial_: true` it becomes a `functools.partial`. Other mappings, lists and values are
    returned as plain Python containers.

    Raises:
        ConfigError: the target is not allowed, does not exist, or does not take these arguments.
    """
    if isinstance(node, list):
        return [instantiate(item) for item in node]
    if not isinstance(node, dict):
        return node
    values = {k: instantiate(v) for k, v in node.items() if k not in ("_target_", "_partial_")}
    if "_target_" not in node:
        return values
    target = locate(node["_target_"])
    arguments = {**values, **extra}
    partial = node.get("_partial_", False)
    try:
        signature = inspect.signature(target)
        (signature.bind_partial if partial else signature.bind)(**arguments)
    except ValueError:  # a builtin without a signature
        pass
    except TypeError as error:
        raise ConfigError(f"{node['_target_']}: {error}") from error
    if partial:
        return functools.partial(target, **arguments)
    try:
        return target(**arguments)
    except ModuleNotFoundError as error:  # Lightning's loggers bring no package of their own
        raise ConfigError(f"{node['_target_']} needs a package that is not installed: {first_line(error)}") from error


def instantiate_all(nodes: dict[str, Any]) -> list[Any]:
    """Build the named components of a group; one set to null is left out."""
    return [instantiate(node) for node in nodes.values() if node is not None]


def callbacks_of(config: dict[str, Any]) -> list[Any]:
    """Build the callbacks of a configuration, without the bar where `trainer.enable_progress_bar` is false.

    Callbacks with an attribute `key` get their key, which they name in errors.
    """
    unwanted = {} if config["trainer"]["enable_progress_bar"] else {"progress_bar": None}
    nodes = {key: node for key, node in {**config["callbacks"], **unwanted}.items() if node is not None}
    callbacks = {key: instantiate(node) for key, node in nodes.items()}
    for key, callback in callbacks.items():
        if hasattr(callback, "key"):
            callback.key = key
    return list(callbacks.values())


def locate(target: str) -> Any:
    """Import the class or function that `target` names, which must live under one of the `ALLOWED` packages."""
    if not isinstance(target, str) or not is_allowed(target):
        raise ConfigError(f"_target_: {target} is not allowed; a target lives under {PLACES}")
    module_name, _, name = target.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"_target_: there is no module {error.name} for {target}") from error
    if not hasattr(module, name):
        public = [n for n in vars(module) if not n.startswith("_")]
        raise ConfigError(f"_target_: {module_name} has no {name}{suggest(name, public)}")
    found = getattr(module, name)
    home = f"{getattr(found, '__module__', '')}."
    own = is_allowed(home) or (target.startswith("pytorch_lightning.") and home.startswith("pytorch_lightning."))
    if not callable(found) or not own:  # e.g. lightning_modules.vae.os, reached through an import
        raise ConfigError(f"_target_: {target} is not a class or function of the allowed packages")
    return found


def is_allowed(target: str) -> bool:
    """Tell whether a dotted name lies under one of the `ALLOWED` packages, with no private part."""
    return target.startswith(ALLOWED) and "._" not in target
