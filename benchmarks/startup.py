"""Seconds from the start of a command to its first training step, its help, or its error, each in a new process."""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.suite import ROOT, Row, Trial, at_most

FIRST_STEP = [
    "trainer.limit_train_batches=1",
    "trainer.limit_val_batches=0",
    "trainer.max_epochs=1",
    "trainer.log_every_n_steps=1",
    "callbacks.tsne=null",  # it runs after the fit, as `test` does
    "test=null",
    "callbacks.checkpoint.monitor=null",  # which takes the objective along: there is no validation
]


def seconds(arguments: list[str], status: int) -> float:
    """Return the wall time in seconds of one Python process, which must end with this status."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    elapsed = time.perf_counter() - start
    if done.returncode != status:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr[-300:]}")
    return elapsed


def first_step() -> float:
    """Return the seconds from the start of `python train.py` to its first step's metrics."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "train.py", *FIRST_STEP, f"output_root={folder}"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        elapsed = None
        while process.poll() is None:  # it ends later, after pictures and a checkpoint
            if elapsed is None and any(file.stat().st_size for file in Path(folder).rglob("metrics.csv")):
                elapsed = time.perf_counter() - start
            time.sleep(0.005)
        if process.returncode or elapsed is None:
            raise RuntimeError(f"train.py ended with {process.returncode} before its first step")
        return elapsed


def bare_import() -> float:
    """Return the seconds from the start of Python to the end of importing Lightning, without Python's own end."""
    with tempfile.TemporaryDirectory() as folder:
        done = Path(folder) / "done"
        start = time.time()
        seconds(["-c", f"import pytorch_lightning; open({str(done)!r}, 'w', encoding='utf-8').write('.')"], status=0)
        return done.stat().st_mtime - start


def above_import(trial: Trial) -> float:
    """Return the seconds to the first step above those of importing Lightning."""
    if trial.round == 0:
        first_step()  # renders the faces into the cache
    names = ("first step", "import pytorch_lightning")
    trial.ratio(first_step, bare_import, names, "s")
    ours, imports = trial.notes.values()
    return ours - imports


def answer(arguments: list[str], status: int, trial: Trial) -> float:
    """Return the seconds of a command that trains nothing."""
    return seconds(["train.py", *arguments], status)


ROWS = [
    Row("cold start to the first step, above the import of Lightning, s", above_import, at_most(1)),
    Row("train.py --help, s", functools.partial(answer, ["--help"], 0), at_most(0.5)),
    Row("a configuration error, s", functools.partial(answer, ["model.lambda_kl=-1"], 2), at_most(0.5)),
]
