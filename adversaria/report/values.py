"""Checks of what the files of a run hold, which someone else may have written."""

from __future__ import annotations

from typing import Any

from adversaria.config.loaded import FileError

LARGEST = 1e300  # larger numbers overflow when they are averaged


def reason_of(error: Exception) -> str:
    """Say in a part of a sentence what is wrong with a file."""
    if isinstance(error, FileError):
        return f"it {error}"
    return f"it has no {error}" if isinstance(error, KeyError) else "it is not what train.py writes"


def dictionary(node: Any, what: str) -> dict[str, Any]:
    """Return a dictionary.

    Raises:
        FileError: it is not one; the sentence calls it `what`.
    """
    if not isinstance(node, dict):
        raise FileError(f"has {what} that is not a dictionary")
    return node


def entries(node: Any, what: str) -> list[Any]:
    """Return a list.

    Raises:
        FileError: it is not one; the sentence calls it `what`.
    """
    if not isinstance(node, list):
        raise FileError(f"has {what} that are not a list")
    return node


def is_number(value: Any) -> bool:
    """Tell whether a value is a number that can be drawn and averaged."""
    return type(value) in (int, float) and abs(value) < LARGEST
