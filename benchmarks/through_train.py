"""The speed of train.py in this process, as train.py itself measures it, with its loggers and its progress bar."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from benchmarks.systems import System

if TYPE_CHECKING:
    import pytorch_lightning as pl

FIXED = ["trainer.limit_val_batches=0", "trainer.max_epochs=1", "test=null", "objective=null"]
#: Callbacks that run in a step. The others run outside the timed steps; see `benchmarks.callback_cost`.
IN_A_STEP = ("progress_bar", "epoch_summary")


def images_per_second(system: System, batch: int, steps: int, *overrides: str) -> float:
    """Train `steps` iterations, without validation and test; return images a second after the first iteration."""
    with tempfile.TemporaryDirectory() as folder:
        config = system.config(batch, *FIXED, f"run_dir={folder}", f"trainer.limit_train_batches={steps}", *overrides)
        config["callbacks"] = {name: config["callbacks"][name] for name in IN_A_STEP}
        train(config)
        return logged_speed(Path(folder) / "metrics.csv")


def logged_speed(file: Path) -> float:
    """Return the images a second of the last epoch in a metrics.csv."""
    from adversaria.runs.curves import read_metrics

    return read_metrics(file)["perf/images_per_second"][1][-1]


def train(config: dict[str, Any], *more: pl.Callback) -> None:
    """Train a configuration in its run folder as in a terminal, but show nothing.

    Args:
        config: the configuration.
        more: further callbacks, which a configuration may not name where their code is not the project's.
    """
    from adversaria.config.instantiate import callbacks_of
    from adversaria.tools import train

    with _terminal() as screen, mock.patch.object(train, "callbacks_of", lambda config: [*callbacks_of(config), *more]):
        train.train(config, Path(config["run_dir"]))
    if "epoch" not in screen.getvalue():
        raise RuntimeError("the progress bar drew nothing, so its time would be missing")


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextlib.contextmanager
def _terminal() -> Iterator[io.StringIO]:
    with (
        mock.patch.dict(os.environ, TTY_COMPATIBLE="1", TERM="xterm-256color"),  # otherwise Rich draws no bar
        contextlib.redirect_stdout(_Screen()) as screen,
    ):
        yield screen
