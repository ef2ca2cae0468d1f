"""Faults injected for real: killed processes, full disks, signals. `pytest -m "not faults"` goes without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.warm import Script

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("faults")


@pytest.fixture
def start() -> Iterator[Callable[..., Script]]:
    """Start train.py in a folder and go on; what is left of it when the test ends is killed."""
    started: list[Script] = []

    def go(cwd: Path, *arguments: str) -> Script:
        process = Script(ROOT / "train.py", arguments, cwd, None, None)
        started.append(process)
        return process

    yield go
    for process in started:
        process.kill()
        process.communicate()
