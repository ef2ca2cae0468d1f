"""What a type of a parameter is called in a sentence, and whether it can be a component."""

from __future__ import annotations

import typing
from typing import Annotated, Any, Literal

_UNION = type(int | str)


def members(kind: Any) -> tuple[Any, ...]:
    """Return the types of a union, or the one type."""
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, _UNION) else (kind,)


def takes_component(kind: Any) -> bool:
    """Tell whether a value of this type may be a nested node."""
    return any(k is Any or (typing.get_origin(k) or k) in (dict, list) for k in members(kind))


def names(kind: Any) -> list[str]:
    """Return the names of the types, and the choices where there are some."""
    found = []
    for member in members(kind):
        if typing.get_origin(member) is Literal:
            found += [repr(choice) for choice in typing.get_args(member)]
        else:
            plain = typing.get_args(member)[0] if typing.get_origin(member) is Annotated else member
            found.append("null" if plain is type(None) else getattr(plain, "__name__", str(plain)))
    return found
