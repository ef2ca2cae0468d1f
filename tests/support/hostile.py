"""Hostile values, and what watches a program that is given them."""

from __future__ import annotations

import contextlib
import os
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
PROCESSES = ("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "pty.spawn")
CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod")


class Watch:
    """Notes what a program starts, and what it writes outside of a folder."""

    def __init__(self) -> None:
        self.inside: Path | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._note)

    @contextlib.contextmanager
    def only_in(self, folder: Path) -> Iterator[None]:
        """Fail if anything is started, or changed outside of a folder."""
        self.inside, self.seen = folder.resolve(), []
        try:
            yield
        finally:
            self.inside = None
        assert self.seen == []

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.inside is None:
            return
        if event in PROCESSES:
            self.seen.append(f"{event} {arguments}")
        elif event in CHANGES or (event == "open" and len(arguments) > 2 and int(arguments[2] or 0) & WRITING):
            with contextlib.suppress(TypeError, ValueError):  # a file descriptor
                place = Path(os.path.abspath(os.fsdecode(arguments[0])))  # noqa: PTH100  # resolve follows links
                harmless = "__pycache__" in place.parts or place == Path(os.devnull)
                if not harmless and not place.is_relative_to(self.inside):
                    self.seen.append(f"{event} {place}")


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in nested dictionaries and lists."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def change(node: Any, chosen: random.Random, values: list[Callable[[Any], Any]]) -> None:
    """Put a hostile value somewhere, take something away, or add something."""
    path = chosen.choice(list(places(node)))
    parent = node
    for key in path[:-1]:
        parent = parent[key]
    what = chosen.randrange(8)
    if what == 0:
        del parent[path[-1]]
        return
    value = chosen.choice(values)(parent[path[-1]])
    if what == 1 and isinstance(parent, dict):
        parent[f"more_{path[-1]}"] = value
        return
    parent[path[-1]] = value


def deep(count: int = 200) -> Any:
    """Return a list in a list in a list."""
    node: Any = []
    for _ in range(count):
        node = [node]
    return node


def many(levels: int = 40) -> Any:
    """Return what would have 2**levels parts if each were copied."""
    node: Any = ["x"]
    for _ in range(levels):
        node = [node, node]
    return node


#: Values of plain data; each is given what was there.
PLAIN: list[Callable[[Any], Any]] = [
    *(lambda old, value=value: value for value in (None, True, "", "x", -1, 0, 3, 0.5, 2**31, 10**13, 1e308, -1e308)),
    *(
        lambda old, value=value: value
        for value in (10**40, float("nan"), float("inf"), [], {}, [[]], {"a": {}}, [1, "x"])
    ),
    lambda old: "<script>alert(1)</script>`|\n](x)",
    lambda old: "x" * 100_000,
    lambda old: "\ud800",
    lambda old: "../" * 40 + "etc/passwd",
    lambda old: "${oc.env:HOME}",
    lambda old: [old],
    lambda old: {"a": old},
    lambda old: {"_target_": "builtins.eval"},
    lambda old: {"_target_": "adversaria.runs.record.replace_text", "file": "victim", "text": "theirs"},
    lambda old: {"_target_": "lightning_modules.networks.vae.WideVAE", "width": 10**9},
    lambda old: {"_target_": "torch.nn.Linear", "in_features": 2**40, "out_features": 2**20},
    lambda old: {"_target_": ["x"]},
    lambda old: deep(),
]
