"""Steps of train.py and of a bare loop in turn, one by one, in one process.

What else the machine does then slows both down alike, so that the ratio can be told to a hundredth even where others
use it. Seconds of the processor are counted. With one thread (`OMP_NUM_THREADS=1`), these are what a step takes.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from typing import Any, NamedTuple

import pytorch_lightning as pl

from benchmarks import bare, through_train
from benchmarks.bare_steps import step_of
from benchmarks.systems import System

BLOCK = 10  # steps, of which one logs its metrics
WARM_UP = 1


class Speed(NamedTuple):
    """What steps cost, medians over blocks of steps.

    Attributes:
        ratio: of the seconds of a bare step to those of a step of train.py.
        ours: seconds of a step of train.py.
        bare: seconds of a bare step.
    """

    ratio: float
    ours: float
    bare: float


class Turns(pl.Callback):
    """Take a step of the bare loop after each step of the training, and note the seconds of both.

    Args:
        config: of the run, whose networks and settings the bare loop has.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.step = step_of(config)
        self.batches = itertools.cycle([bare.batch_of(config) for _ in range(4)])
        self.ours: list[float] = []
        self.bare: list[float] = []
        self.last = 0.0

    def on_train_batch_end(self, *_: Any) -> None:
        """Note the step that ends, and take the other one."""
        begun = time.process_time()
        self.ours.append(begun - self.last)
        self.step(next(self.batches))
        self.last = time.process_time()
        self.bare.append(self.last - begun)

    def speed(self) -> Speed:
        """Return the medians."""
        block = min(BLOCK, len(self.ours) - WARM_UP)
        ours, bare_ = (
            [sum(times[i : i + block]) / block for i in range(WARM_UP, len(times) - block + 1, block)]
            for times in (self.ours, self.bare)
        )
        ratios = [b / o for o, b in zip(ours, bare_, strict=True)]
        return Speed(*map(statistics.median, (ratios, ours, bare_)))


def in_turn(system: System, batch: int, steps: int) -> Speed:
    """Train a system for some steps, more than `WARM_UP`, in turn with its bare loop."""
    with tempfile.TemporaryDirectory() as folder:
        limit = f"trainer.limit_train_batches={steps}"
        config = system.config(batch, *through_train.FIXED, f"run_dir={folder}", limit)
        config["callbacks"] = {name: config["callbacks"][name] for name in through_train.IN_A_STEP}
        config["callbacks"]["progress_bar"]["refresh_rate"] //= 2  # half of the time is the bare loop's
        turns = Turns(config)
        through_train.train(config, turns)
        return turns.speed()
