"""Check a composed configuration before anything heavy is imported.

The schema of a node is the signature of what its `_target_` names: parameter names, types and ranges (see
`adversaria.types`). It is read from the source file with `ast`, so a new method needs no second description and the
check costs milliseconds, not the import of torch. The few keys of other libraries that users set are in `EXTERNAL`.
"""

from __future__ import annotations

import ast
import functools
import math
import typing
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from adversaria import types
from adversaria.errors import ConfigError, suggest
from adversaria.instantiate import PLACES, is_allowed

ROOT = Path(__file__).resolve().parents[1]

Component = dict[Any, Any]  # a nested node: whatever is not plain data
Signature = dict[str, tuple[Any, bool]]  # parameter -> (type, required)

Beta = types.Fraction
Batches = Annotated[int, msgspec.Meta(ge=0)] | types.Fraction | None

#: Keys of the top level of conf/train.yaml.
EXPERIMENT: dict[str, Any] = {
    "name": Annotated[str, msgspec.Meta(min_length=1)],
    "seed": types.NonNegativeInt,
    "ckpt_path": str | None,
    "test": Literal["last", "best"] | None,
    "objective": str | None,
    "output_root": str,
    "run_dir": str,
    "performance": {"keep_memory": bool, "channels_last": bool},
}

#: Keys of the top level that hold components.
GROUPS = ("data", "model", "trainer", "callbacks", "logger")

#: Types of the keys of other libraries, by prefix of the target.
EXTERNAL: dict[str, dict[str, Any]] = {
    "torch.optim.": {
        "lr": types.Positive,
        "betas": tuple[Beta, Beta],
        "alpha": Beta,
        "eps": types.Positive,
        "weight_decay": types.NonNegative,
        "momentum": types.NonNegative,
        "fused": bool | None,
        "foreach": bool | None,
    },
    "pytorch_lightning.Trainer": {
        "accelerator": Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"],
        "devices": int | str | list[int],
        "num_nodes": types.PositiveInt,
        "strategy": str,
        "precision": Literal["32-true", "32", 32, "bf16-mixed", "16-mixed"],
        "max_epochs": types.PositiveInt,
        "max_time": str | dict[str, int] | None,
        "limit_train_batches": Batches | Annotated[float, msgspec.Meta(ge=0, le=1)],
        "limit_val_batches": Batches | Annotated[float, msgspec.Meta(ge=0, le=1)],
        "limit_test_batches": Batches | Annotated[float, msgspec.Meta(ge=0, le=1)],
        "check_val_every_n_epoch": types.PositiveInt,
        "log_every_n_steps": types.PositiveInt,
        "gradient_clip_val": types.Positive | None,
        "accumulate_grad_batches": types.PositiveInt,
        "overfit_batches": types.NonNegativeInt | types.Fraction,
        "sync_batchnorm": bool,
        "benchmark": bool | None,
        "num_sanity_val_steps": Annotated[int, msgspec.Meta(ge=-1)],
        "deterministic": bool | Literal["warn"],
        "detect_anomaly": bool,
        "fast_dev_run": bool | int,
        "enable_progress_bar": bool,
        "profiler": str | None,
    },
    "pytorch_lightning.callbacks.": {"monitor": str | None, "save_top_k": int, "every_n_epochs": int},
}


def check(config: dict[str, Any]) -> None:
    """Check names, types and ranges of a composed configuration.

    Raises:
        ConfigError: naming the first key that is wrong, what it must be, and the nearest valid name for a typo.
    """
    _check_plain(config, EXPERIMENT)
    for key in set(config).difference(EXPERIMENT, GROUPS):
        raise ConfigError(f"{key}: there is no such key{suggest(key, {*EXPERIMENT, *GROUPS})}")
    for key in ("data", "model", "trainer"):
        if key in config and "_target_" not in (config[key] or {}):
            raise ConfigError(f"{key}: there is no _target_; choose one with {key}=NAME")
    for key in set(config).intersection(GROUPS):
        _check_node(config[key], key)


def _check_plain(config: dict[str, Any], kinds: dict[str, Any], prefix: str = "") -> None:
    for key, kind in kinds.items():
        if key in config:
            if isinstance(kind, dict):
                _conform(config[key], dict[str, Any], prefix + key)
                for name in set(config[key]).difference(kind):
                    raise ConfigError(f"{prefix}{key}.{name}: there is no such key{suggest(name, kind)}")
                _check_plain(config[key], kind, f"{prefix}{key}.")
            else:
                _conform(config[key], kind, prefix + key)


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
    if not isinstance(target, str) or not is_allowed(target):
        raise ConfigError(f"{path}._target_={target} is not allowed; a target lives under {PLACES}")
    parameters = signature(target)
    given = {k: v for k, v in node.items() if k not in ("_target_", "_partial_")}
    for key, value in given.items():
        kind = _external(target, key)
        if parameters is not None:
            if key not in parameters and "**" not in parameters:
                raise ConfigError(f"{path}.{key}: {target} has no such key{suggest(key, parameters)}")
            kind = parameters.get(key, (Any, False))[0]
        _conform(value, kind, f"{path}.{key}")
        _check_node(value, f"{path}.{key}")
    if parameters is not None and not node.get("_partial_", False):
        for key, (_, required) in parameters.items():
            if required and key not in given:
                raise ConfigError(f"{path}.{key} is missing: {target} needs it")


def _external(target: str, key: str) -> Any:
    return next((keys[key] for prefix, keys in EXTERNAL.items() if target.startswith(prefix) and key in keys), Any)


def _conform(value: Any, kind: Any, path: str) -> None:
    """Raise a sentence if `value` is not of `kind`; a nested node stands for the object it will become."""
    if isinstance(value, dict) and "_target_" in value and kind is not Any and not _takes_component(kind):
        raise ConfigError(f"{path}: expected {' or '.join(_names(kind))}, not an object ({value['_target_']})")
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{path}={value}: expected a finite number")
    if isinstance(value, list):
        for i, v in enumerate(value):
            _conform(v, Any, f"{path}[{i}]")
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        shown = value if isinstance(value, int | float | bool | None) else repr(value)
        raise ConfigError(f"{path}={shown}: {_sentence(error, kind)}") from None
    except TypeError:  # a union that msgspec cannot take apart; the component checks it itself
        return


def _sentence(error: msgspec.ValidationError, kind: Any) -> str:
    if any(typing.get_origin(k) is Literal for k in _members(kind)):
        return f"expected one of {', '.join(_names(kind))}"
    text = str(error).replace("`", "").replace("| object", "or a component").replace(" - at $", " at ")
    return text[0].lower() + text[1:]


def _members(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, _UNION) else (kind,)


_UNION = type(int | str)


def _takes_component(kind: Any) -> bool:
    return any(k is Any or (typing.get_origin(k) or k) in (dict, list) for k in _members(kind))


def _names(kind: Any) -> list[str]:
    names = []
    for member in _members(kind):
        if typing.get_origin(member) is Literal:
            names += [repr(choice) for choice in typing.get_args(member)]
        else:
            plain = typing.get_args(member)[0] if typing.get_origin(member) is Annotated else member
            names.append("null" if plain is type(None) else getattr(plain, "__name__", str(plain)))
    return names


# ------------------------------------------------------------------------------ signatures, read without importing


def signature(target: str) -> Signature | None:
    """Return the parameters of one of our own classes or functions; None for a target of another library.

    A `**kwargs` parameter is listed as `"**"`.

    Raises:
        ConfigError: there is no such module, class or function; the nearest name is given.
    """
    module, _, name = target.rpartition(".")
    file = ROOT / (module.replace(".", "/") + ".py")
    if not (ROOT / module.split(".")[0]).is_dir():
        return None
    if not file.is_file():
        known = [p.stem for p in file.parent.glob("*.py") if p.stem != "__init__"]
        raise ConfigError(f"_target_={target}: there is no module {module}{suggest(file.stem, known)}")
    definitions = _definitions(file)
    if name not in definitions:
        raise ConfigError(f"_target_={target}: {module} has no {name}{suggest(name, definitions)}")
    return _parameters(definitions[name], definitions)


@functools.cache
def _definitions(file: Path) -> dict[str, ast.ClassDef | ast.FunctionDef]:
    tree = ast.parse(file.read_text())
    return {n.name: n for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name[0] != "_"}


def _parameters(node: ast.ClassDef | ast.FunctionDef, scope: dict[str, Any]) -> Signature | None:
    if isinstance(node, ast.FunctionDef):
        return _arguments(node, skip=0)
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            return _arguments(statement, skip=1)
    if any("dataclass" in ast.unparse(d) for d in node.decorator_list):
        return {
            s.target.id: (_type(s.annotation), s.value is None)
            for s in node.body
            if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        }
    bases = [scope[b.id] for b in node.bases if isinstance(b, ast.Name) and b.id in scope]
    return _parameters(bases[0], scope) if bases else None


def _arguments(function: ast.FunctionDef, skip: int) -> Signature:
    spec = function.args
    positional = [*spec.posonlyargs, *spec.args]
    without_default = len(positional) - len(spec.defaults)
    found: Signature = {
        a.arg: (_type(a.annotation), i < without_default) for i, a in enumerate(positional) if i >= skip
    }
    for a, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        found[a.arg] = (_type(a.annotation), default is None)
    if spec.kwarg is not None:
        found["**"] = (Any, False)
    return found


class _Scope(dict[str, Any]):
    def __missing__(self, name: str) -> Any:
        return Component


_SCOPE = _Scope(
    {
        **{n: getattr(types, n) for n in vars(types) if not n.startswith("_")},
        **{t.__name__: t for t in (int, float, bool, str, list, dict, tuple)},
        "Any": Any,
    }
)


def _type(annotation: ast.expr | None) -> Any:
    """Evaluate an annotation made of plain types; anything else stands for a component (a nested node)."""
    if annotation is None:
        return Any
    if isinstance(annotation, ast.BinOp):
        left, right = _type(annotation.left), _type(annotation.right)
        return Any if Any in (left, right) else left | right
    try:
        return eval(ast.unparse(annotation), {"__builtins__": {}}, _SCOPE)
    except (AttributeError, TypeError):
        return Component
