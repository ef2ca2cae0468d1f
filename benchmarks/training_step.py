"""A training step of every method in train.py, against a bare loop with the same arithmetic.

Both have the same settings and take their steps in turn in one process, see `benchmarks.turns`. train.py also reads its
batches from the array cache, logs its metrics and shows its progress bar.
"""

from __future__ import annotations

import functools

from benchmarks.suite import Row, Trial, at_least
from benchmarks.systems import SYSTEMS, images_in_a_step

SECONDS = 8.0  # of training in a sample


@functools.cache
def steps_in(name: str, batch: int, seconds: float) -> int:
    """Return how many iterations of the bare loop take about this long here; at least two log intervals."""
    from benchmarks import bare

    system = SYSTEMS[name]
    config = system.config(batch)
    needed = round(seconds * bare.images_per_second(config, 4) / images_in_a_step(config))
    return min(max(needed, 21), system.images // batch)


def against_bare(name: str, batch: int, trial: Trial) -> float:
    """Return the images a second of train.py over those of the bare loop, both by seconds of the processor."""
    from benchmarks.turns import in_turn

    system = SYSTEMS[name]
    speed = in_turn(system, batch, trial.size(0, 3) or steps_in(name, batch, SECONDS))
    trial.notes |= {"a step of train.py, ms": 1000 * speed.ours, "a step of the bare loop, ms": 1000 * speed.bare}
    return speed.ratio


def _row(name: str, batch: int, target: float) -> Row:
    what = f"{SYSTEMS[name].name}, batch {batch}: train.py / bare loop"
    return Row(what, functools.partial(against_bare, name, batch), at_least(target))


ROWS = [
    _row("A1", 128, 0.98),
    *(_row(name, 64, 0.98) for name in ("C2", "E1", "A2", "C3", "E3", "E4", "DANN", "ADDA")),
    *(_row(name, 16, 0.95) for name in ("A1", "C2", "E1", "A2", "C3", "E3", "E4", "DANN", "ADDA")),
]
