"""Runs train.py, and sends itself a signal when it is about to write: `KILL_AT=17,9` at its 17th write, SIGKILL.

What it writes, below the working directory, goes into `KILL_LOG`, a line for each file that it opens to write, renames
or removes.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
AT, NUMBER = map(int, os.environ.get("KILL_AT", "0,0").split(","))
LOG = os.open(os.environ["KILL_LOG"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
HERE = f"{Path.cwd()}/"
PROCESS = os.getpid()
count = 0


def watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note a write of this process, and act if it is the one; called by Python before it acts."""
    global count
    if event == "open":
        path, written = arguments[0], arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    elif event in ("os.rename", "os.remove"):
        path, written = arguments[0], True
    else:
        return
    if not written or not isinstance(path, str | bytes | os.PathLike) or os.getpid() != PROCESS:
        return
    full = str(Path.cwd() / os.fsdecode(path))
    if full.startswith(HERE):
        count += 1
        os.write(LOG, f"{full.removeprefix(HERE)}\n".encode())
        if count == AT:
            os.kill(PROCESS, NUMBER)


def _main() -> None:
    sys.argv[0] = str(ROOT / "train.py")
    sys.path[0] = str(ROOT)
    sys.addaudithook(watch)
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    _main()
