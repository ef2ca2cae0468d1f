"""Runs the project's scripts in processes that have imported the heavy libraries already.

A script starts in 0.3 s instead of 4 s, which are the imports of torch and Lightning. It is a process of its own,
forked from a server that has imported libraries and nothing of the project. Tests of the start use `subprocess`.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import IO, Any

from support import composing  # noqa: F401

LIBRARIES = [
    *("torch", "torchvision", "pytorch_lightning", "torchmetrics.functional.image", "torch.utils.tensorboard"),
    *("hydra", "omegaconf", "matplotlib.figure", "matplotlib.backends.backend_agg", "sklearn.manifold"),
    *("sklearn.linear_model", "sklearn.datasets", "PIL.Image", "rich.progress", "jinja2", "msgspec"),
]
SERVER = multiprocessing.get_context("forkserver")
SERVER.set_forkserver_preload(LIBRARIES)


class _Descriptor:
    """An open file that a new process is given a copy of."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Any, ...]:
        return _received, (DupFd(self.number),)  # while a process is being started, and not before


def _received(copy: Any) -> int:
    number: int = copy.detach()
    return number


class Script:
    """A started script, with what of `subprocess.Popen` the tests use; its output is one text, or goes into files."""

    def __init__(
        self,
        script: Path,
        arguments: tuple[str, ...],
        cwd: Path,
        out: IO[Any] | None = None,
        err: IO[Any] | None = None,
    ):
        read, write = os.pipe()
        self.stdout = os.fdopen(read, encoding="utf-8")
        ends = [_Descriptor(write if stream is None else stream.fileno()) for stream in (out, err)]
        self._process = SERVER.Process(target=_run, args=(str(script), arguments, str(cwd), dict(os.environ), *ends))
        self._process.start()
        os.close(write)

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("train.py", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """Return the rest of the output, once the script has ended."""
        self.wait(timeout)
        rest = "" if self.stdout.closed else self.stdout.read()
        self.stdout.close()
        return rest, None


def run(script: Path, arguments: tuple[str, ...], cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a script to its end, as `subprocess.run` does."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = Script(script, arguments, cwd, out, err)
        started.stdout.close()
        try:
            code = started.wait(timeout)
        except subprocess.TimeoutExpired:
            started.kill()
            raise
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode())
    return subprocess.CompletedProcess([str(script), *arguments], code or 0, *texts)


def _run(script: str, arguments: tuple[str, ...], cwd: str, environment: dict[str, str], out: int, err: int) -> None:
    os.setsid()
    for number, end in ((1, out), (2, err)):
        os.dup2(end, number)
        os.close(end)
    sys.stdout, sys.stderr = (os.fdopen(n, "w", 1, encoding="utf-8", closefd=False) for n in (1, 2))
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).parent))
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        atexit._run_exitfuncs()  # a forked process would leave them out
