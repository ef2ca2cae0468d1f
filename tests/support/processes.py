"""Processes of a running command: what they say, and which there are."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path


def wait_for(process: subprocess.Popen[str], text: str) -> str:
    """Read a process's output up to the line that has a text; return all of it."""
    assert process.stdout is not None
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"it ended without {text!r}:\n{seen}")


def wait_until(happened: Callable[[], object], seconds: float = 200) -> None:
    """Wait until something has happened; fail where it has not within so many seconds."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def children(process: subprocess.Popen[str], command: str = "train.py") -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(process.pid), "-f", command], capture_output=True, text=True)
    return [int(pid) for pid in found.stdout.split()]


def processes_of(session: int) -> list[int]:
    """Return the Python processes of a session that are alive, without joblib's tracker of resources."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            state, _, _, of = (entry / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[:4]
            words = (entry / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue
        if of == str(session) and state != "Z" and b"python" in words and b"resource_tracker" not in words:
            found.append(int(entry.name))
    return found
