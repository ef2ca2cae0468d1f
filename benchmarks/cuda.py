"""On a GPU: train.py against the plain eager loop, and both against lower bounds.

A step whose kernels are launched one by one takes at least as long as the launches, and at least as long as its
arithmetic. Both bounds are in the table: the number of kernels times the cost of the cheapest launch, and the time of
the step when it is replayed from one CUDA graph.
"""

from __future__ import annotations

import functools
import time

from benchmarks.suite import Row, Skipped, Trial, at_least
from benchmarks.systems import SYSTEMS, images_in_a_step

WARM_UP = 40  # steps, for choosing kernels, recording graphs, and the clocks to rise
LAUNCHES = 10_000


def against_plain(name: str, batch: int, trial: Trial) -> float:
    """Return the images a second of train.py over those of the plain eager loop."""
    import torch

    if not torch.cuda.is_available():
        raise Skipped("no GPU here")
    from benchmarks import bare, bare_steps, through_train

    system = SYSTEMS[name]
    config = system.config(batch)
    images = images_in_a_step(config)
    steps = min(trial.size(200, 20), system.images // batch)
    epochs = 1 + -(-WARM_UP // steps)  # the last epoch is measured

    def loop(settings: bare_steps.Settings) -> float:
        return bare.images_per_second(config, trial.size(200, 20) + WARM_UP, settings, "cuda", WARM_UP)

    def train(*overrides: str) -> float:
        fixed = (f"trainer.max_epochs={epochs}", "trainer.accelerator=gpu")
        return through_train.images_per_second(system, batch, steps, *fixed, *overrides)

    value = trial.ratio(train, lambda: loop("plain"), ("train.py", "plain eager loop"), "images/s")
    others = {
        "train.py without cuda_graphs and data_on_gpu": lambda: train(
            "performance.cuda_graphs=false", "performance.data_on_gpu=false"
        ),
        "bare loop in one CUDA graph, the floor of its arithmetic": lambda: loop("graphed"),
    }
    trial.notes |= {f"{what}, images/s": measure() for what, measure in others.items()}
    for what in [what for what in trial.notes if what.endswith("images/s")]:
        trial.notes[what.replace("images/s", "µs a step")] = 1e6 * images / trial.notes[what]
    kernels = kernels_of(bare_steps.step_of(config, "plain", "cuda"), bare.batch_of(config, "plain", "cuda"))
    trial.notes["kernels a step of the plain loop"] = kernels
    trial.notes["their launches alone, the floor of launching, µs a step"] = kernels * microseconds_a_launch()
    return value


def kernels_of(step: object, batch: object, steps: int = 10) -> float:
    """Return the kernels and copies that a step launches."""
    import torch
    from torch.profiler import ProfilerActivity, profile

    assert callable(step)
    for _ in range(steps):
        step(batch)
    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        for _ in range(steps):
            step(batch)
        torch.cuda.synchronize()
    return sum(event.count for event in profiler.key_averages() if event.self_device_time_total) / steps


def microseconds_a_launch() -> float:
    """Return what it costs to launch the smallest operation that PyTorch has."""
    import torch

    number = torch.zeros(1, device="cuda")
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(LAUNCHES):
        number.add_(1)
    torch.cuda.synchronize()
    return 1e6 * (time.perf_counter() - start) / LAUNCHES


def _row(name: str, batch: int) -> Row:
    what = f"{SYSTEMS[name].name}, batch {batch}: train.py / plain eager loop"
    return Row(what, functools.partial(against_plain, name, batch), at_least(1))


ROWS = [_row(name, batch) for name, batch in (("A1", 128), ("A2", 64), ("C2", 128), ("E3", 128))]
