"""The one way from a configuration node to an object."""

from __future__ import annotations

import functools
import importlib
import inspect
from typing import Any

from adversaria.config.errors import ConfigError, first_line, suggest
from adversaria.config.places import ANYWHERE, is_one_of, kinds_of

FOREIGN = ("pytorch_lightning.", "torch.")


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
    except (TypeError, ValueError, LookupError, AttributeError) as error:
        if node["_target_"].startswith(FOREIGN):  # which check what they are given themselves
            raise ConfigError(f"{node['_target_']}: {first_line(error)}") from error
        raise


def instantiate_all(nodes: dict[str, Any]) -> list[Any]:
    """Build the named components of a group; one set to null is left out."""
    return [instantiate(node) for node in nodes.values() if node is not None]


def callbacks_of(config: dict[str, Any], *kinds: type) -> list[Any]:
    """Build the callbacks of a configuration, or those of some classes, without the bar where it is switched off.

    Callbacks with an attribute `key` get their key, which they name in errors.
    """
    unwanted = {} if config["trainer"].get("enable_progress_bar", True) else {"progress_bar": None}
    nodes = {key: node for key, node in {**config["callbacks"], **unwanted}.items() if node is not None}
    wanted = {k: node for k, node in nodes.items() if not kinds or issubclass(locate(node["_target_"]), kinds)}
    callbacks = {key: instantiate(node) for key, node in wanted.items()}
    for key, callback in callbacks.items():
        if hasattr(callback, "key"):
            callback.key = key
    return list(callbacks.values())


def locate(target: str) -> Any:
    """Import the class or function that `target` names, one that `adversaria.config.places` allows somewhere.

    Raises:
        ConfigError: it is allowed nowhere, does not exist, or is not of the kind that is allowed.
    """
    kinds = kinds_of(target)
    if not kinds:
        allowed = ", ".join(f"{prefix}*" for prefix in ANYWHERE)
        raise ConfigError(f"_target_: {target} is not allowed; a target lives under {allowed}")
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
    if not home.startswith(_package_of(target)) or not is_one_of(found, target, kinds):  # e.g. lightning_modules.vae.os
        raise ConfigError(f"_target_: {target} is not a class or function of the allowed packages")
    return found


def _package_of(target: str) -> str:
    """Return the beginning of the names of the modules that may define a target."""
    parts = target.split(".")
    return ".".join(parts[: 2 if parts[0] == "torch" else 1]) + "."
