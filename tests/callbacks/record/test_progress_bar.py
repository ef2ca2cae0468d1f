"""The progress bar is drawn a few times a second, and counts as the log does."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from adversaria.runs import terminal
from callbacks.record import progress_bar
from callbacks.record.epoch_summary import counted_epoch, loss_fields
from callbacks.record.progress_bar import ProgressBar


def trainer_of(**changed: Any) -> Any:
    state = SimpleNamespace(fn="fit")
    return SimpleNamespace(
        **{"max_epochs": 3, "current_epoch": 1, "num_training_batches": 6, "state": state, **changed}
    )


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[terminal.Frame]:
    frames: list[terminal.Frame] = []
    monkeypatch.setattr(terminal, "show", frames.append)
    return frames


def train(bar: ProgressBar, trainer: Any, batches: int = 6) -> None:
    module = SimpleNamespace(iteration=6, images=60, progress_bar_losses={"train/loss": 1.5})
    bar.on_train_start(trainer, module)
    bar.on_train_epoch_start(trainer, module)
    for number in range(batches):
        bar.on_train_batch_end(trainer, module, None, None, number)
        module.iteration, module.images = module.iteration + 1, module.images + 10


def test_draws_when_it_is_due_and_at_the_end_of_an_epoch(
    shown: list[terminal.Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(10 + 0.1 * i for i in range(100))
    monkeypatch.setattr(progress_bar, "time", SimpleNamespace(monotonic=lambda: next(now)))
    train(ProgressBar(refresh_rate=1), trainer_of())
    assert [frame.done for frame in shown] == [6, 7, 12]
    assert {frame.title for frame in shown} == {"epoch 2/3"}
    assert shown[-1].total == 18
    assert shown[-1].count == "12/18"
    assert shown[-1].below == ["loss 1.5"]
    assert [field.split()[-1] for field in shown[-1].beside] == ["images/s", "left"]


def test_no_end_is_shown_where_there_is_none(shown: list[terminal.Frame]) -> None:
    train(ProgressBar(), trainer_of(max_epochs=-1))
    assert (shown[-1].title, shown[-1].count) == ("epoch 2", "12")
    assert "left" not in str(shown[-1].beside)


def test_a_disabled_bar_shows_nothing(shown: list[terminal.Frame]) -> None:
    bar = ProgressBar()
    bar.disable()
    train(bar, trainer_of())
    assert shown == []


def test_names_are_short_and_epochs_counted_from_1() -> None:
    assert loss_fields({"train/loss_d": 1.38629, "val/loss": 2}) == ["loss_d 1.386", "val loss 2"]
    assert [counted_epoch(trainer_of(max_epochs=last)) for last in (5, None, -1)] == ["2/5", "2", "2"]
