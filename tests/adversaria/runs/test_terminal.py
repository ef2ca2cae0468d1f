"""What is shown where there is no terminal, and in a notebook; tests/test_terminal.py looks at whole runs."""

from __future__ import annotations

import io
import logging
import os
from collections.abc import Iterator

import pytest
from rich.console import Console

from adversaria.runs import terminal

FRAME = terminal.Frame("epoch 1/3", 2, 6, ["30 images/s", "0:00:04 left"], ["loss_d 1.5", "loss_g 0.25"])


@pytest.fixture(autouse=True)
def cleared() -> Iterator[None]:
    yield
    terminal.clear()
    terminal.name_job("")


@pytest.mark.parametrize(
    ("columns", "beside"),
    [(30, "epoch 1/3 ########## 2/6"), (46, "2/6  30 images/s"), (80, "2/6  30 images/s  0:00:04 left")],
)
def test_a_frame_leaves_out_what_does_not_fit(columns: int, beside: str) -> None:
    console = Console(file=io.StringIO(), width=columns, legacy_windows=False)
    terminal.name_job("seed=1")
    console.print(FRAME)
    first, second = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert first.rstrip().endswith(beside.rpartition("# ")[2])
    assert len(first) < columns
    assert second.rstrip() == "seed=1  loss_d 1.5" + "  loss_g 0.25" * (columns > 31)


def test_nothing_is_drawn_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.show(FRAME)
    with terminal.counted("reading", 2) as advance:
        advance(2)
    assert capsys.readouterr().out == ""


def test_in_a_notebook_it_is_a_line_that_the_next_replaces(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "_in_notebook", lambda: True)
    terminal.show(FRAME)
    assert capsys.readouterr().out.startswith("\repoch 1/3  2/6  30 images/s  0:00:04 left  loss_d 1.5")
    terminal.clear()
    assert capsys.readouterr().out.strip() == ""


def test_the_log_goes_to_what_stdout_is_by_then(capsys: pytest.CaptureFixture[str]) -> None:
    handler = terminal.LogHandler()
    record = logging.LogRecord("a", logging.INFO, "file", 1, "read %d images [of] digits", (3,), None)
    handler.emit(record)
    terminal.name_job("seed=1")
    handler.emit(record)
    assert capsys.readouterr().out == "read 3 images [of] digits\nseed=1  read 3 images [of] digits\n"


def test_a_signal_is_told_above_the_display(monkeypatch: pytest.MonkeyPatch) -> None:
    assert terminal.above("stopping") == b"\nstopping\n"
    monkeypatch.setattr(terminal, "_live", object())
    monkeypatch.setattr(os, "isatty", lambda file: True)
    said = terminal.above("stopping")
    monkeypatch.setattr(terminal, "_live", None)
    assert said == b"\r\x1b[2K\x1b[1A\x1b[2Kstopping\n\n"
