"""Calling a function in a fresh process, so that what it leaves behind ends with that process."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def fresh(function: Callable[..., T], *arguments: Any) -> T:
    """Call an importable function in its own process: an allocator's settings and its memory end with the process.

    Raises:
        RuntimeError: the function failed, or its process died.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, arguments))
    process.start()
    sender.close()
    try:
        value, error = receiver.recv()
    except EOFError:  # killed, for example because memory ran out
        process.join()
        value, error = None, RuntimeError(f"the process of {function.__name__} died with {process.exitcode}")
    process.join()
    if error is not None:
        raise error
    answer: T = value
    return answer


def _answer(sender: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        sender.send((function(*arguments), None))
    except Exception as error:
        traceback.print_exc()
        sender.send((None, RuntimeError(f"{type(error).__name__}: {error}")))
