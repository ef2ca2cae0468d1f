"""On a GPU: train.py against the plain eager loop, and what CUDA graphs gain a bare loop."""

from __future__ import annotations

import functools

from benchmarks.suite import Row, Skipped, Trial
from benchmarks.systems import SYSTEMS, images_in_a_step

WARM_UP = 12  # steps in which kernels are chosen, and graphs compiled and recorded


def against_plain(name: str, batch: int, compiled: bool, trial: Trial) -> float:
    """Return the images a second of train.py, or of a compiled bare loop, over those of the plain eager loop."""
    import torch

    if not torch.cuda.is_available():
        raise Skipped("no GPU here")
    from benchmarks import bare, through_train

    system = SYSTEMS[name]
    config = system.config(batch)
    steps = min(trial.size(400, 20), system.images // batch)

    def loop(settings: bare.Settings) -> float:
        return bare.images_per_second(config, steps + WARM_UP, settings, "cuda", WARM_UP)

    def train() -> float:  # the epoch before is the warm-up; the last epoch's speed is read
        return through_train.images_per_second(system, batch, steps, "trainer.max_epochs=2", "trainer.accelerator=gpu")

    ours = (lambda: loop("compiled")) if compiled else train
    names = ("bare loop with CUDA graphs" if compiled else "train.py", "plain eager loop")
    value = trial.ratio(ours, lambda: loop("plain"), names, "images/s")
    for name in names:
        trial.notes[f"{name}, µs a step"] = 1e6 * images_in_a_step(config) / trial.notes[f"{name}, images/s"]
    return value


def _row(name: str, batch: int, compiled: bool) -> Row:
    who = "bare loop with CUDA graphs" if compiled else "train.py"
    what = f"{SYSTEMS[name].name}, batch {batch}: {who} / plain eager loop"
    return Row(what, functools.partial(against_plain, name, batch, compiled))


ROWS = [
    _row(name, batch, compiled)
    for name, batch in (("A1", 128), ("A2", 64), ("C2", 128), ("E3", 128))
    for compiled in (False, True)
]
