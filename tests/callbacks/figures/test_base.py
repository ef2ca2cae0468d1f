"""The last pictures of a run are drawn once: at the end of its fit, or when it goes on if they are missing then."""

from __future__ import annotations

import os
import signal
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adversaria.runs import signals
from callbacks.figures.base import FigureCallback, save_picture
from callbacks.figures.sample_grid import SampleGrid, pauses

PICTURE = np.zeros((4, 4, 3), np.uint8)


class Squares(FigureCallback):
    """Draws a black square."""

    picture = "square"

    def draw(self, trainer: Any, module: Any) -> None:
        save_picture(trainer, module, self.picture, PICTURE)


@pytest.fixture
def module() -> Any:
    module: Any = torch.nn.Linear(1, 1)
    module.iteration, module.device, module.value_range = 7, torch.device("cpu"), (0.0, 1.0)
    return module


@pytest.fixture
def trainer(tmp_path: Path) -> Any:
    strategy = types.SimpleNamespace(root_device=torch.device("cpu"))
    return types.SimpleNamespace(
        default_root_dir=str(tmp_path),
        loggers=[],
        is_global_zero=True,
        world_size=1,
        strategy=strategy,
        current_epoch=0,
    )


def test_a_run_that_had_nothing_left_to_train_draws_what_is_missing(module, trainer, tmp_path: Path) -> None:
    Squares().on_fit_end(trainer, module)
    (file,) = (tmp_path / "figures").iterdir()
    assert file.name == "square_0000007.png"
    file.write_bytes(b"as it was")
    Squares().on_fit_end(trainer, module)
    assert file.read_bytes() == b"as it was"


def test_after_a_fit_nothing_is_drawn_a_second_time(module, trainer, tmp_path: Path) -> None:
    squares = Squares()
    squares.on_train_end(trainer, module)
    (file,) = (tmp_path / "figures").iterdir()
    file.unlink()
    squares.on_fit_end(trainer, module)
    assert not file.exists()


def test_a_run_that_never_trained_has_no_picture(module, trainer, tmp_path: Path) -> None:
    module.iteration = 0
    Squares().on_fit_end(trainer, module)
    assert not (tmp_path / "figures").exists()


def test_a_signal_stops_the_run_before_its_last_pictures(module, trainer, tmp_path: Path) -> None:
    with signals.handled():
        signals.defer(True)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(signals.Interrupted):
            Squares().on_train_end(trainer, module)
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize("frames", [1, 2, 5, 50, 500])
def test_an_animation_can_be_watched_and_pauses_at_its_end(frames: int) -> None:
    *moving, end = pauses(frames)
    assert len(moving) == frames - 1
    assert all(80 <= pause <= 800 for pause in moving)
    assert end == 3000
    assert sum(moving) >= min(4000, 800 * len(moving))


def test_the_animation_is_made_where_it_is_missing_or_older_than_a_grid(trainer, tmp_path: Path) -> None:
    figures = tmp_path / "figures"
    figures.mkdir()
    for iteration in (1, 2):
        Image.fromarray(PICTURE + 100 * iteration).save(figures / f"samples_{iteration:07d}.png")
    grids, animation = SampleGrid(), figures / "samples.gif"
    grids.join(trainer)
    with Image.open(animation) as made:
        assert made.n_frames == 2
    animation.write_bytes(b"as it was")
    grids.join(trainer)
    assert animation.read_bytes() == b"as it was"
    os.utime(animation, (1, 1))
    grids.join(trainer)
    assert animation.read_bytes() != b"as it was"
