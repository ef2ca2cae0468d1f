"""Peak memory of train.py against that of the bare loop, each in a fresh process, with the same allocator.

The memory of imports that a bare loop does not need is subtracted: it is the same whatever is trained.
"""

from __future__ import annotations

import functools
import importlib
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.processes import fresh
from benchmarks.suite import Row, Trial, at_most
from benchmarks.systems import SYSTEMS

#: What train.py imports with a configuration's targets.
IMPORTED = (
    "pytorch_lightning",
    "callbacks.record.run_record",
    "torch.utils.tensorboard",
    "matplotlib.figure",
    "sklearn.manifold",
    "sklearn.decomposition",
    "train",
)


def peak(function: Callable[..., Any], *arguments: Any) -> float:
    """Call a function; return the peak memory of this process so far, in MiB."""
    function(*arguments)
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss may be that of the parent process: it survives an exec
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def train_whole(name: str, batch: int, steps: int) -> None:
    """Train with all callbacks of the system, t-SNE included, but without the test."""
    import tempfile

    from benchmarks import through_train

    limits = [f"trainer.limit_train_batches={steps}", "trainer.limit_val_batches=1", "trainer.max_epochs=1"]
    with tempfile.TemporaryDirectory() as folder:
        through_train.train(SYSTEMS[name].config(batch, *limits, f"run_dir={folder}", "test=null"))


def loop(name: str, batch: int, steps: int) -> None:
    """Train in the bare loop."""
    from benchmarks import bare

    bare.images_per_second(SYSTEMS[name].config(batch), steps)


def imports_of_train(name: str, batch: int) -> None:
    """Import what train.py does."""
    from adversaria.config.instantiate import locate

    config = SYSTEMS[name].config(batch)
    for module in IMPORTED:
        importlib.import_module(module)
    for target in _targets(config):
        locate(target)


def imports_of_loop(name: str, batch: int) -> None:
    """Import what the bare loop does, and compose the configuration."""
    importlib.import_module("benchmarks.bare")
    SYSTEMS[name].config(batch)


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict) and "_target_" in node:
        yield node["_target_"]
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
        yield from _targets(child)


def against_bare(name: str, batch: int, trial: Trial) -> float:
    """Return the peak of train.py without its further imports over the peak of the bare loop."""
    steps = trial.size(12, 2)
    further = fresh(peak, imports_of_train, name, batch) - fresh(peak, imports_of_loop, name, batch)
    trial.ratio(
        lambda: fresh(peak, train_whole, name, batch, steps),
        lambda: fresh(peak, loop, name, batch, steps),
        ("train.py", "bare loop"),
        "MiB",
    )
    ours, theirs = trial.notes.values()
    trial.notes["further imports, MiB"] = further
    return (ours - further) / theirs


def _row(name: str, batch: int) -> Row:
    what = f"{SYSTEMS[name].name}, batch {batch}: peak memory without imports / bare loop's"
    return Row(what, functools.partial(against_bare, name, batch), at_most(1.15))


ROWS = [_row("A1", 128), _row("C2", 64), _row("E3", 64)]
