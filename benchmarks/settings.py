"""What train.py's settings gain: train.py against a plain first draft of a loop.

That loop is NCHW, with PyTorch's default optimizers and allocator, and does not freeze the discriminator in the
generator's update. Each update draws new noise, as in train.py. Each sample is measured in a fresh process, because the
settings of the allocator cannot be reverted.
"""

from __future__ import annotations

import functools

from benchmarks.processes import fresh
from benchmarks.suite import Row, Trial, at_least
from benchmarks.systems import SYSTEMS
from benchmarks.training_step import SECONDS, steps_in


def plain_loop(name: str, batch: int, steps: int) -> float:
    """Return images a second of the plain eager loop."""
    from benchmarks import bare

    return bare.images_per_second(SYSTEMS[name].config(batch), steps, "plain")


def our_settings(name: str, batch: int, steps: int) -> float:
    """Return images a second of train.py."""
    from benchmarks import through_train

    return through_train.images_per_second(SYSTEMS[name], batch, steps)


def against_plain(name: str, batch: int, trial: Trial) -> float:
    """Return the images a second of train.py over those of the plain loop."""
    steps = trial.size(0, 3) or _steps(name, batch)
    return trial.ratio(
        lambda: fresh(our_settings, name, batch, steps),
        lambda: fresh(plain_loop, name, batch, steps),
        ("train.py", "plain eager loop"),
        "images/s",
    )


@functools.cache
def _steps(name: str, batch: int) -> int:
    return fresh(steps_in, name, batch, SECONDS)


def _row(name: str, batch: int, target: float) -> Row:
    what = f"{SYSTEMS[name].name}, batch {batch}: our settings / plain eager loop"
    return Row(what, functools.partial(against_plain, name, batch), at_least(target))


ROWS = [_row("A1", 128, 1.6), _row("C2", 64, 1.2), _row("E3", 128, 1.15), _row("A2", 64, 1.08)]
