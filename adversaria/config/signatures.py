"""Read the parameters of our classes and functions from their source, without importing it."""

from __future__ import annotations

import ast
import contextlib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from adversaria.config import types
from adversaria.config.errors import ConfigError, suggest

ROOT = Path(__file__).resolve().parents[2]

Component = dict[Any, Any]  # a nested node: whatever is not plain data
Signature = dict[str, tuple[Any, bool]]  # parameter -> (type, required)
Definition = ast.ClassDef | ast.FunctionDef


def signature(target: str) -> Signature | None:
    """Return the parameters of one of our own classes or functions; None for a target of another library.

    A `**kwargs` parameter is listed as `"**"`.

    Raises:
        ConfigError: there is no such module, class or function; the nearest name is given.
    """
    found = _definition(target)
    return None if found is None else _parameters(*found)


def role(target: str) -> Literal["class", "loss", "schedule", "function"] | None:
    """Say what one of our own targets is; None for a target of another library.

    A loss is a function of tensors that returns a tensor, a schedule one of an `iteration` that returns a float, by
    their annotations: these only compute. Any other function could do anything.

    Raises:
        ConfigError: there is no such module, class or function; the nearest name is given.
    """
    found = _definition(target)
    if found is None or isinstance(found[0], ast.ClassDef):
        return None if found is None else "class"
    function, first = found[0], [*found[0].args.posonlyargs, *found[0].args.args][:1]
    takes = {(a.arg, ast.unparse(a.annotation)) for a in first if a.annotation is not None}
    returns = None if function.returns is None else ast.unparse(function.returns)
    if returns == "float" and takes == {("iteration", "int")}:
        return "schedule"
    return "loss" if returns == "Tensor" and {kind for _, kind in takes} == {"Tensor"} else "function"


def _definition(target: str) -> tuple[Definition, Path] | None:
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
    return definitions[name], file


def constant(target: str, name: str) -> Any:
    """Return a class attribute that is plain data; None where neither the class nor a base of ours has it."""
    return next((own[name] for own in _constants(target) if name in own), None)


def merged_constant(target: str, name: str) -> dict[str, Any]:
    """Return a class attribute that is a mapping, over those of its bases."""
    return {key: value for own in list(_constants(target))[::-1] for key, value in own.get(name, {}).items()}


def declares(target: str, name: str) -> bool:
    """Say whether a class itself, and not only a base, has a class attribute that is written as plain data."""
    return name in next(_constants(target), {})


def _constants(target: str) -> Iterator[dict[str, Any]]:
    """Yield the class attributes that are plain data: those of a class, then of its bases, as far as they are ours."""
    module, _, name = target.rpartition(".")
    file = ROOT / (module.replace(".", "/") + ".py")
    node = _definitions(file).get(name) if file.is_file() else None
    if not isinstance(node, ast.ClassDef):
        return
    yield dict(_assigned(node))
    for base in _bases(node, file):
        yield from _constants(base)


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    for statement in node.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        value = getattr(statement, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and value is not None:
                with contextlib.suppress(ValueError):  # computed
                    yield target.id, ast.literal_eval(value)


@functools.cache
def _statements(file: Path) -> list[ast.stmt]:
    return ast.parse(file.read_text(encoding="utf-8")).body


def _definitions(file: Path) -> dict[str, Definition]:
    return {n.name: n for n in _statements(file) if isinstance(n, ast.ClassDef | ast.FunctionDef) and n.name[0] != "_"}


def _parameters(node: Definition, file: Path) -> Signature | None:
    if isinstance(node, ast.FunctionDef):
        return _arguments(node, skip=0)
    for statement in node.body:
        if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
            own = _arguments(statement, skip=1)
            inherited = _inherited(node, file) if "**" in own else None  # `**options` hands the rest to the base
            return own if inherited is None else {**inherited, **{k: v for k, v in own.items() if k != "**"}}
    if any(isinstance(base, ast.Name) and base.id == "NamedTuple" for base in node.bases) or any(
        "dataclass" in ast.unparse(d) for d in node.decorator_list
    ):
        return {
            s.target.id: (_type(s.annotation), s.value is None)
            for s in node.body
            if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name)
        }
    return _inherited(node, file)


def _inherited(node: ast.ClassDef, file: Path) -> Signature | None:
    """Return the parameters of the first base that is a class of ours, None without one."""
    return next((found for base in _bases(node, file) if (found := signature(base)) is not None), None)


def _bases(node: ast.ClassDef, file: Path) -> Iterator[str]:
    """Yield the dotted names of the bases that are classes of ours."""
    here = ".".join(file.relative_to(ROOT).with_suffix("").parts)
    places = {name: f"{here}.{name}" for name in _definitions(file)}
    for statement in _statements(file):
        if isinstance(statement, ast.ImportFrom):
            places |= {alias.asname or alias.name: f"{statement.module}.{alias.name}" for alias in statement.names}
    for base in node.bases:
        if isinstance(base, ast.Name) and (place := places.get(base.id)) and (ROOT / place.split(".")[0]).is_dir():
            yield place


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
