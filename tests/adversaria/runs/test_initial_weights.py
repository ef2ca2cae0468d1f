"""`init_from`: found before torch is imported, recorded, and not loaded again by a resume."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml

from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.runs import initial_weights
from adversaria.runs.record import write_invocation
from adversaria.runs.resumed_command import command_line
from adversaria.tools import train


@pytest.fixture
def run(tiny_run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run[0], tmp_path / "run"))


def test_a_run_a_name_in_it_or_a_file_is_found(run: Path) -> None:
    last, best = (run / "checkpoints" / f"{name}.ckpt" for name in ("last", "best"))
    for given, file in ((run, last), (run / "last", last), (run / "best", best), (best, best)):
        config = {"init_from": str(given), "ckpt_path": None}
        initial_weights.check(config)
        assert initial_weights.file_of(config) == file
    assert initial_weights.file_of({"init_from": str(run), "ckpt_path": str(last)}) is None
    assert initial_weights.file_of({}) is None


def test_what_is_no_checkpoint_is_one_sentence(run: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes((run / "checkpoints" / "last.ckpt").read_bytes()[:-100])
    os.mkfifo(tmp_path / "pipe")
    for given, sentence in (
        ("/nowhere", "there is no checkpoint /nowhere; give a run folder"),
        (damaged, "is damaged or not a checkpoint"),
        (run / "config.yaml", "is damaged or not a checkpoint"),
        (tmp_path, "there is no checkpoint"),
        (tmp_path / "pipe", "there is no checkpoint"),
    ):
        with pytest.raises(CheckpointError) as error:
            initial_weights.check({"init_from": str(given)})
        assert str(error.value).startswith(f"init_from={given}: ")
        assert sentence in str(error.value)


def test_a_run_starts_from_another_ones_weights_and_goes_on_with_its_own(
    tiny: list[str], run: Path, tmp_path: Path, cache_dir: Path, compose, caplog
) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "new"
    overrides = [*tiny, f"init_from={run}", "trainer.max_epochs=1", "callbacks.tsne=null", "model.optimizer.lr=1e-9"]
    config = compose(*overrides, f"data.cache_dir={cache_dir}", folder=folder)
    train.train(config, folder, lambda: write_invocation(folder, config, {}, overrides))
    protocol = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["protocol"]
    assert protocol["init_from"] == f"{tmp_path.name}/run/checkpoints/last.ckpt"
    assert protocol["iteration"] == 3
    assert protocol["init_iteration"] == 6
    assert f"starting from {run}" in (folder / "train.log").read_text(encoding="utf-8")
    old, new = (torch.load(of / "checkpoints" / "last.ckpt", weights_only=True) for of in (run, folder))
    name = next(name for name in old["state_dict"] if re.fullmatch(r"network\.decoder\..*weight", name))
    assert torch.allclose(old["state_dict"][name], new["state_dict"][name], atol=1e-6)

    shutil.rmtree(run)
    saved = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    resumed = {**saved, "ckpt_path": str(folder / "checkpoints" / "last.ckpt")}
    resumed["trainer"]["max_epochs"] = 2
    initial_weights.check(resumed)
    train.train(resumed, folder)
    again = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["protocol"]
    assert again == {**protocol, "iteration": 6}
    with pytest.raises(ConfigError, match="goes on with its own weights; leave init_from out"):
        command_line(["train.py", f"ckpt_path={folder}", "init_from=outputs/other"])
