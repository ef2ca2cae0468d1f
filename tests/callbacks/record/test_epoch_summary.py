"""What is said after an epoch whose threads other programs have slowed down."""

from __future__ import annotations

import itertools
import logging
from types import SimpleNamespace

import pytest
import torch

from callbacks.record.epoch_summary import EpochSummary

BATCHES = 11


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(
    ("device", "threads", "seconds", "running", "said"),
    [
        ("cpu", 2, 1.0, 0.64, True),
        ("cpu", 2, 1.0, 0.99, False),
        ("cpu", 1, 1.0, 0.64, False),  # it waits for no other
        ("cuda", 2, 1.0, 0.64, False),  # it waits for the GPU
        ("cpu", 2, 0.4, 0.64, False),  # too short to tell
    ],
)
def test_a_run_that_others_slow_down_says_so_once(device, threads, seconds, running, said, monkeypatch, caplog):
    clock, thread = itertools.count(step=seconds), itertools.count(step=seconds * running)
    monkeypatch.setattr("callbacks.record.epoch_summary.time.perf_counter", lambda: next(clock))
    monkeypatch.setattr("callbacks.record.epoch_summary.time.thread_time", lambda: next(thread))
    monkeypatch.setattr("torch.get_num_threads", lambda: threads)
    trainer = SimpleNamespace(loggers=[], is_global_zero=True, max_epochs=3, current_epoch=0, callback_metrics={})
    module = SimpleNamespace(count=len, iteration=BATCHES, progress_bar_losses={}, device=torch.device(device))
    summary = EpochSummary()
    for _ in range(2):
        summary.on_train_epoch_start(trainer, module)
        for number in range(BATCHES):
            summary.on_train_batch_end(trainer, module, None, torch.zeros(4), number)
        summary.on_train_epoch_end(trainer, module)
    assert len(warnings_of(caplog)) == int(said)
    assert all(f"the {threads} threads of this run" in text for text in warnings_of(caplog))
