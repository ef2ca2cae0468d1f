"""What a run of each system needs by default: peak memory of the whole process, and time for 1,000 iterations."""

from __future__ import annotations

import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from adversaria.config.errors import options
from benchmarks.processes import fresh
from benchmarks.suite import ROOT, Row, Trial

PAIRED = ("source_only", "target_only", "mcc", "dann", "adda", "dsn", "adamatch")
OWN = {"adda": ("model.pretrain_epochs=0",)}  # its adversarial part is the costly one
SHORT = (
    *("trainer.max_epochs=1", "trainer.limit_val_batches=1", "test=null", "objective=null"),
    *("trainer.accelerator=cpu", "trainer.enable_progress_bar=false"),
)


def overrides(model: str) -> tuple[str, ...]:
    """Return the command line of a system with its defaults, on data that every machine has."""
    data = "digits_mnist5k" if model in PAIRED else "synthetic_faces"
    return f"model={model}", f"data={data}", *OWN.get(model, ())


def trained(model: str, steps: int) -> tuple[float, float]:
    """Train a system, with its figures but without its test, as its command does.

    Returns:
        The peak memory of the process in MiB, and the seconds of one core for an iteration.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "noted.json")
        limits = (f"trainer.limit_train_batches={steps}", f"output_root={folder}")
        subprocess.run(
            [sys.executable, "-m", "benchmarks.timed_run", str(file), *overrides(model), *SHORT, *limits],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            check=True,
        )
        marks = json.loads(file.read_text(encoding="utf-8"))["marks"]
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024  # this process has no other child
    return memory, (marks["last step"][0] - marks["first step"][0]) / steps


def needed(model: str, trial: Trial) -> float:
    """Return the peak memory of a run in MiB; the minutes of 1,000 iterations are in the notes."""
    memory, seconds = fresh(trained, model, trial.size(30, 2))
    trial.notes["minutes for 1,000 iterations"] = 1000 * seconds / 60
    return memory


ROWS = [Row(f"{model}: peak memory, MiB", functools.partial(needed, model)) for model in options("model")]
