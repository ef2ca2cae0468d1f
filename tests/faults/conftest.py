"""Faults injected for real: killed processes, full disks, signals. `pytest -m "not faults"` goes without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is in this folder."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("faults")


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start train.py in a folder and go on; what is left of it when the test ends is killed."""
    started: list[subprocess.Popen[str]] = []

    def go(cwd: Path, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-u", str(ROOT / "train.py"), *arguments]
        process = subprocess.Popen(
            command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )
        started.append(process)
        return process

    yield go
    for process in started:
        process.kill()
        process.communicate()
