"""Check a composed configuration before anything heavy is imported.

The schema of a node is the signature of what its `_target_` names: parameter names, types and ranges (see
`adversaria.config.types`). `adversaria.config.signatures` reads it from the source file, so a new method needs no
second description and the check costs milliseconds, not the import of torch. `foreign_keys` has the keys of other
libraries that users set.
"""

from __future__ import annotations

import math
import typing
from typing import Annotated, Any, Literal

import msgspec

from adversaria.config import types
from adversaria.config.errors import ConfigError, suggest
from adversaria.config.foreign_errors import describe_conversion
from adversaria.config.foreign_keys import EXTERNAL, REFUSED
from adversaria.config.places import check_target
from adversaria.config.signatures import Component, signature
from adversaria.config.type_names import members, names, takes_component

PERFORMANCE = ("keep_memory", "channels_last", "cuda_graphs", "data_on_gpu", "tf32", "share_gpu")

#: Keys of the top level of conf/train.yaml.
EXPERIMENT: dict[str, Any] = {
    "name": Annotated[str, msgspec.Meta(min_length=1)],
    "seed": types.Seed,
    "ckpt_path": str | None,
    "init_from": str | None,
    "test": Literal["last", "best"] | None,
    "objective": str | None,
    "labels": Annotated[list[str], msgspec.Meta(min_length=1)] | None,  # null: those of the data, as `preflight` finds
    "classes": types.Classes | None,
    "output_root": str,
    "run_dir": str,
    "performance": dict.fromkeys(PERFORMANCE, bool),
    "data": Component,
    "model": Component,
    "trainer": Component,
    "callbacks": Component,
    "logger": Component,
}
OBJECTIVE = {"metric": str, "mode": types.Mode}


def check(config: dict[str, Any]) -> None:
    """Check names, types and ranges of a composed configuration.

    Raises:
        ConfigError: naming the first key that is wrong, what it must be, and the nearest valid name for a typo.
    """
    for key in ("data", "model", "trainer"):
        if key in config and not has_target(config[key]):
            raise ConfigError(f"{key}: there is no _target_; choose one with {key}=NAME")
    objective = {"objective": OBJECTIVE} if isinstance(config.get("objective"), dict) else {}
    _check_keys(config, EXPERIMENT | objective)
    if objective and "metric" not in config["objective"]:
        raise ConfigError("objective.metric is missing: the name of the metric that runs are compared by")


def check_component(node: Any, place: str) -> None:
    """Check one component, such as the model that a checkpoint brings, as `check` does for a whole configuration.

    Args:
        node: the component.
        place: its key at the top level of a configuration.

    Raises:
        ConfigError: as of `check`; or the component has no target.
    """
    if not has_target(node):
        raise ConfigError(f"{place}: there is no _target_")
    _check_node(node, place)


def has_target(node: Any) -> bool:
    """Tell whether a value is a component: a mapping with a target."""
    return isinstance(node, dict) and "_target_" in node


def _check_keys(config: dict[str, Any], kinds: dict[str, Any], prefix: str = "") -> None:
    for key, value in config.items():
        if key not in kinds:
            raise ConfigError(f"{prefix}{key}: there is no such key{suggest(key, kinds)}")
        path, kind = f"{prefix}{key}", kinds[key]
        if kind is Component:
            _check_node(value, path)
        elif isinstance(kind, dict):
            conform(value, dict[str, Any], path)
            _check_keys(value, kind, f"{path}.")
        else:
            conform(value, kind, path)


def _check_node(node: Any, path: str) -> None:
    if isinstance(node, list):
        for i, item in enumerate(node):
            _check_node(item, f"{path}[{i}]")
    if not isinstance(node, dict):
        return
    target = node.get("_target_")
    if target is None:
        for key, value in node.items():
            _check_node(value, f"{path}.{key}")
        return
    check_target(target, path)
    parameters = signature(target)
    conform(node.get("_partial_", False), bool, f"{path}._partial_")
    given = {k: v for k, v in node.items() if k not in ("_target_", "_partial_")}
    for key, value in given.items():
        if reason := REFUSED.get(target, {}).get(key):
            raise ConfigError(f"{path}.{key} {reason}")
        kind = _external(target, key)
        if parameters is not None:
            if key not in parameters and "**" not in parameters:
                raise ConfigError(f"{path}.{key}: {target} has no such key{suggest(key, parameters)}")
            kind = parameters.get(key, (Any, False))[0]
        conform(value, kind, f"{path}.{key}")
        if key == "betas":
            node[key] = [float(beta) for beta in value]  # torch refuses a mix of int and float
        _check_node(value, f"{path}.{key}")
    if parameters is not None and not node.get("_partial_", False):
        for key, (_, required) in parameters.items():
            if required and key not in given:
                raise ConfigError(f"{path}.{key} is missing: {target} needs it")


def _external(target: str, key: str) -> Any:
    return next((keys[key] for prefix, keys in EXTERNAL.items() if target.startswith(prefix) and key in keys), Any)


def conform(value: Any, kind: Any, path: str) -> None:
    """Check that a value is of a type; a nested node stands for the object it will become.

    Raises:
        ConfigError: it is not; the sentence begins with `path`.
    """
    if isinstance(value, dict) and "_target_" in value and kind is not Any and not takes_component(kind):
        raise ConfigError(f"{path}: expected {' or '.join(names(kind))}, not an object ({value['_target_']})")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{path}={value}: expected a finite number")
    if isinstance(value, int) and value.bit_length() > 63:  # which msgspec takes for a fault of its own
        raise ConfigError(f"{path}: expected a number below 2^63")
    if isinstance(value, list):
        for i, v in enumerate(value):
            conform(v, Any, f"{path}[{i}]")
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        text = value if isinstance(value, int | float | bool | None) else repr(value)
        raise ConfigError(f"{path}={text}: {_sentence(error, kind, value)}") from None
    except TypeError:  # a union that msgspec does not support; the component checks it itself
        return


def _sentence(error: msgspec.ValidationError, kind: Any, value: Any) -> str:
    of_a_list = [k for member in members(kind) for k in typing.get_args(member) if typing.get_origin(k) is Literal]
    if of_a_list:
        return f"expected a list of {', '.join(names(of_a_list[0]))}"
    choices = [typing.get_origin(k) is Literal for k in members(kind)]
    number = type(value) in (int, float) and "float" in names(kind)  # which the error says more about
    if any(choices) and not number:
        return f"expected one of {', '.join(names(kind)).replace('dict', 'a component')}"
    return describe_conversion(error)
