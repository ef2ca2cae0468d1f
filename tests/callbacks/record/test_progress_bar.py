"""The progress bar is drawn a few times a second, and shows the losses that were published last."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pytorch_lightning.callbacks import RichProgressBar

from callbacks.record import progress_bar
from callbacks.record.progress_bar import ProgressBar


def test_draws_when_it_is_due_and_at_the_end_of_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(RichProgressBar, "on_train_batch_end", lambda *arguments: drawn.append(arguments[-1]))
    clock = iter([10.0, 10.1, 10.2, 10.3, 10.35, 10.4])
    monkeypatch.setattr(progress_bar, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    bar, trainer = ProgressBar(refresh_rate=4), SimpleNamespace(num_training_batches=6)
    for number in range(6):
        bar.on_train_batch_end(trainer, None, None, None, number)  # type: ignore[arg-type]
    assert drawn == [0, 3, 5]


def test_is_a_line_in_a_notebook_without_widgets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(RichProgressBar, "on_train_batch_end", lambda *arguments: None)
    monkeypatch.setattr(progress_bar, "get_console", lambda: SimpleNamespace(is_jupyter=True))
    for found, lines in ((None, 2), (object(), 0)):
        monkeypatch.setattr(progress_bar.importlib.util, "find_spec", lambda name, found=found: found)
        bar = ProgressBar(refresh_rate=4)
        bar._trainer = trainer = SimpleNamespace(num_training_batches=2, current_epoch=0, max_epochs=3)  # type: ignore[assignment]
        for number in range(2):
            module = SimpleNamespace(progress_bar_losses={"train/loss": 1.5})
            bar.on_train_batch_end(trainer, module, None, None, number)  # type: ignore[arg-type]
        shown = capsys.readouterr().out
        assert shown.count("train/loss 1.5") == lines
        assert ("\rEpoch 1/3  2/2  train/loss 1.5" in shown) == bool(lines)
        assert bar.is_enabled != bool(lines)


def test_shows_the_published_losses() -> None:
    trainer: Any = SimpleNamespace(progress_bar_metrics={"val/loss": 2.0}, loggers=[])
    shown = ProgressBar().get_metrics(trainer, SimpleNamespace(progress_bar_losses={"train/loss": 1.5}))
    assert shown == {"val/loss": 2.0, "train/loss": 1.5}


def test_epochs_are_counted_from_1_as_in_the_log() -> None:
    """Where the first line fails, Lightning has closed the private method, and its bar counts from 0 again."""
    assert "_get_train_description" in RichProgressBar.on_train_epoch_start.__code__.co_names
    bar = ProgressBar()
    for last, described in ((5, "Epoch 1/5"), (None, "Epoch 1")):
        bar._trainer = SimpleNamespace(max_epochs=last)  # type: ignore[assignment]
        assert bar._get_train_description(0).rstrip() == described
