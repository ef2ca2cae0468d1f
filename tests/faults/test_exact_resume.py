"""Runs that are stopped and go on end bit for bit as if they had never been stopped: every method, at four points."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from support.methods import METHODS

from adversaria.config.errors import ConfigError
from adversaria.runs import signals
from adversaria.runs.curves import read_metrics
from adversaria.speed.recorded_steps import Recording
from adversaria.tools import train
from lightning_modules.base import BaseModule
from lightning_modules.vae import VAE

EPOCH = 5  # iterations
RECORDED = {
    **METHODS,
    "adda without a gate": [*METHODS["adda"], "model.gate=null"],
}
POINTS = {
    "in the first epoch": 2,
    "between critic steps, off the logged points": 3,
    "at the boundary of epochs": EPOCH,
    "in a later epoch": 8,
}
QUIET = [
    *("trainer.max_epochs=2", "trainer.log_every_n_steps=2", "trainer.accelerator=cpu", "trainer.deterministic=true"),
    *("trainer.enable_progress_bar=false", "test=null", "callbacks.curves=null"),
]


def stopping_at(iteration: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Send SIGTERM in an iteration."""
    counted = BaseModule.on_train_batch_end

    def stop(module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        if module.iteration + 1 == iteration:
            os.kill(os.getpid(), signal.SIGTERM)
        counted(module, outputs, batch, batch_idx)

    monkeypatch.setattr(BaseModule, "on_train_batch_end", stop)


def saved(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


def differences(left: Any, right: Any, path: str = "") -> list[str]:
    """Return where two nested containers differ, bit for bit."""
    if isinstance(left, dict) and isinstance(right, dict) and left.keys() == right.keys():
        return [d for key in left for d in differences(left[key], right[key], f"{path}/{key}")]
    if isinstance(left, list | tuple) and isinstance(right, list | tuple) and len(left) == len(right):
        return [d for i, pair in enumerate(zip(left, right, strict=True)) for d in differences(*pair, f"{path}/{i}")]
    if isinstance(left, torch.Tensor) and isinstance(right, torch.Tensor):
        return [] if torch.equal(left, right) else [path]
    return [] if left == right else [f"{path}: {left!r} against {right!r}"]


def assert_equal(folder: Path, expected: Path) -> None:
    """Compare checkpoints and curves of two runs."""
    ours, theirs = saved(folder), saved(expected)
    states = [state.pop("callbacks") for state in (ours, theirs)]
    assert differences(ours, theirs) == []
    own = ("RunCheckpoint", "RunRecord")  # they hold the run's folder, and its time
    assert differences(*({k: v for k, v in p.items() if not k.startswith(own)} for p in states)) == []
    ours, theirs = (read_metrics(folder / "metrics.csv") for folder in (folder, expected))
    for curves in (ours, theirs):
        curves.pop("perf/images_per_second", None)
    assert ours == theirs


@pytest.fixture(scope="module")
def unstopped(compose, cache_dir, tmp_path_factory):
    """Configurations and last checkpoints of runs that were never stopped, each made when it is first asked for."""
    done: dict[str, tuple[list[str], Path]] = {}

    def of(method: str) -> tuple[list[str], Path]:
        if method not in done:
            overrides = [*METHODS[method], *QUIET, f"data.cache_dir={cache_dir}"]
            folder = tmp_path_factory.mktemp("unstopped")
            train.train(compose(*overrides, folder=folder), folder)
            done[method] = overrides, folder
        return done[method]

    return of


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("method", METHODS)
def test_a_resumed_run_ends_bit_for_bit_as_an_unstopped_one(
    method: str, point: str, unstopped, compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides, expected = unstopped(method)
    config = compose(*overrides, folder=tmp_path)
    with monkeypatch.context() as patch, signals.handled():
        stopping_at(POINTS[point], patch)
        with pytest.raises(signals.Interrupted):
            train.train(config, tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    assert saved(tmp_path)["adversaria"]["iteration"] == POINTS[point]
    train.train({**config, "ckpt_path": str(last)}, tmp_path)

    assert_equal(tmp_path, expected)


@pytest.mark.parametrize("method", ["vae", "wgan"])  # optimized by Lightning, and by the method itself
def test_a_run_whose_epochs_have_one_iteration_resumes_bit_for_bit(
    method: str, compose, cache_dir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = ["trainer.limit_train_batches=1", "trainer.max_epochs=4", f"data.cache_dir={cache_dir}"]
    (expected := tmp_path / "unstopped").mkdir()
    (folder := tmp_path / "stopped").mkdir()
    train.train(compose(*METHODS[method], *QUIET, *one, folder=expected), expected)
    config = compose(*METHODS[method], *QUIET, *one, folder=folder)
    with monkeypatch.context() as patch, signals.handled():
        stopping_at(2, patch)
        with pytest.raises(signals.Interrupted):
            train.train(config, folder)
    assert saved(folder)["adversaria"]["iteration"] == 2
    train.train({**config, "ckpt_path": str(folder / "checkpoints" / "last.ckpt")}, folder)
    assert_equal(folder, expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
@pytest.mark.parametrize("method", RECORDED)
def test_on_a_gpu_recorded_steps_and_a_resumed_run_of_them_end_bit_for_bit_as_steps_computed_one_by_one(
    method: str, compose, cache_dir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what PyTorch wants of deterministic runs
    overrides = [*RECORDED[method], *QUIET, "trainer.accelerator=gpu", "trainer.max_epochs=8"]
    overrides += [f"data.cache_dir={cache_dir}"]
    replayed: list[Recording] = []
    replay = Recording.replay
    monkeypatch.setattr(Recording, "replay", lambda self, batch: (replayed.append(self), replay(self, batch)))

    def run(name: str, **options: Any) -> Path:
        (folder := tmp_path / name).mkdir(exist_ok=True)
        switches = [f"performance.{key}={name != 'computed'}" for key in ("cuda_graphs", "data_on_gpu")]
        train.train({**compose(*overrides, *switches, folder=folder), **options}, folder)
        return folder

    computed = run("computed")
    assert not replayed
    assert_equal(run("recorded"), computed)
    # augmentations are replayed too, but have no gradients; a gate asks for a value in each step
    assert any(recording.gradients for recording in replayed) == (method != "adda")
    with monkeypatch.context() as patch, signals.handled():
        stopping_at(23, patch)
        with pytest.raises(signals.Interrupted):
            run("resumed")
    assert_equal(run("resumed", ckpt_path=str(tmp_path / "resumed" / "checkpoints" / "last.ckpt")), computed)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="CUDA graphs need a GPU")
def test_on_a_gpu_a_run_after_one_whose_steps_cannot_be_recorded_ends_as_one_before_it(
    compose, cache_dir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    overrides = [*METHODS["vae"], *QUIET, "trainer.accelerator=gpu", f"data.cache_dir={cache_dir}"]
    loss = VAE.loss

    def reading(self: VAE, batch: Any) -> Any:
        computed = loss(self, batch)
        computed.item()
        return computed

    def run(name: str) -> Path:
        (folder := tmp_path / name).mkdir()
        train.train(compose(*overrides, "performance.cuda_graphs=true", folder=folder), folder)
        return folder

    before = run("before")
    with monkeypatch.context() as patch:
        patch.setattr(VAE, "loss", reading)
        with pytest.raises(ConfigError, match="cuda_graphs=true: this step cannot be recorded"):
            run("unrecordable")
    assert_equal(run("after"), before)
