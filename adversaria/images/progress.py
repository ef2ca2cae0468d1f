"""A progress bar of work that is no training."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Iterable[Item], what: str, total: float | None = None, quiet: bool = False) -> Iterable[Item]:
    """Iterate behind a bar, which vanishes at the end; where nobody sees it, nothing is written, no empty line either.

    Args:
        items: what is gone through.
        what: what is done with them, written before the bar.
        total: number of items; None for their length.
        quiet: whether there is no bar at all, as where another one is drawn already.
    """
    from rich import get_console
    from rich.progress import track

    if quiet or not (get_console().is_terminal or get_console().is_jupyter):
        return items  # Rich 14.1 writes an empty line even for a bar that is disabled
    return track(items, what, total, transient=True)
