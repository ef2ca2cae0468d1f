"""A start that fails leaves no folder, or one that says why."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from adversaria.report import reading
from adversaria.runs import run_folder
from adversaria.runs.record import write_invocation
from adversaria.runs.signals import Interrupted
from adversaria.runs.start import Start

CONFIG = {"name": "x", "run_dir": "unused", "test": "last", "trainer": {"max_epochs": 5}}


def start_in(folder: Path) -> Start:
    return Start(folder, lambda: write_invocation(folder, CONFIG, {"model": "vae"}, ["model=vae", "seed=1"]))


def test_an_error_before_anything_was_checked_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "outputs" / "vae" / "run"
    start = start_in(folder)
    folder.mkdir(parents=True)
    error = RuntimeError("of a library")

    def fail() -> None:
        with run_folder.discarded_if_empty(folder, tmp_path / "outputs"), run_folder.locked(folder), start.logged():
            start.failed(error)
            raise error

    with pytest.raises(RuntimeError, match="of a library"):
        fail()
    assert list((tmp_path / "outputs").iterdir()) == []


def test_a_later_error_is_kept_and_shown(tmp_path: Path) -> None:
    start = start_in(tmp_path)
    with start.logged():
        start.save()
        start.failed(MemoryError("no room for 8 GB"))
    failure = json.loads((tmp_path / "failure.json").read_text(encoding="utf-8"))
    assert failure["overrides"] == ["model=vae", "seed=1"]
    assert "too little memory (no room for 8 GB)" in failure["error"]
    run = reading.read(tmp_path)
    assert run.status == "failed"
    assert run.missing[0].startswith("The last start failed: the machine has too little memory")
    from adversaria.report.pages import write

    (page,) = [file for file in write([tmp_path], tmp_path / "page.html", False) if file.suffix == ".html"]
    assert "too little memory" in page.read_text(encoding="utf-8")
    write_invocation(tmp_path, OmegaConf.to_container(OmegaConf.create(CONFIG)), {}, [])  # it starts again
    assert reading.read(tmp_path).failure is None


def test_a_signal_is_no_failure(tmp_path: Path) -> None:
    start = start_in(tmp_path)
    with start.logged():
        start.save()
        start.failed(Interrupted(15))
    assert not (tmp_path / "failure.json").exists()
