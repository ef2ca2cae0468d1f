"""NVIDIA's service for processes that share a GPU, by a program of its name that notes how it is called."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf
from support.processes import wait_until

from adversaria.sweeps import shared_gpu
from adversaria.sweeps.jobs import prepare_launcher

ROOT = Path(__file__).resolve().parents[3]
CONTROL = """#!/bin/sh
[ "$1" = -d ] && asked=start || asked=$(cat)
echo "$asked $CUDA_MPS_PIPE_DIRECTORY" >> "$CALLS"
exit ${STATUS:-0}
"""
#: Starts the service, then a child that outlives this process, then is killed.
KILLED = """
import os, subprocess
from adversaria.sweeps.shared_gpu import share_gpu
assert share_gpu() == share_gpu() == ""
folder = os.environ["CUDA_MPS_PIPE_DIRECTORY"]
assert os.path.isdir(folder) and os.environ["CUDA_MPS_LOG_DIRECTORY"] == folder
subprocess.Popen(["sleep", "20"])
print(folder, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which the program notes its calls; at the end no environment variable of the service is left."""
    control = tmp_path / shared_gpu.CONTROL
    control.write_text(CONTROL, encoding="utf-8")
    control.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    for name in (shared_gpu.PIPES, shared_gpu.LOGS):
        monkeypatch.setenv(name, "")  # so that it is put back as it was
        monkeypatch.delenv(name)
    return tmp_path / "calls"


def test_it_starts_once_and_ends_with_the_process_that_is_killed(calls: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert done.returncode == -9
    folder = done.stdout.strip()
    wait_until(lambda: not Path(folder).exists(), 10)
    assert calls.read_text().splitlines() == [f"start {folder}", f"quit {folder}"]


def test_a_sweep_that_is_run_again_starts_its_own(calls: Path) -> None:
    again = "import os; from adversaria.sweeps.shared_gpu import share_gpu; assert share_gpu() == ''"
    script = f"""
import os, sys
from adversaria.sweeps import shared_gpu
assert shared_gpu.share_gpu() == ""
shared_gpu.share_no_more()
os.execv(sys.executable, [sys.executable, "-c", {again!r}])
"""
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
    wait_until(lambda: len(calls.read_text().splitlines()) == 4, 10)
    said = sorted(calls.read_text().split())
    assert said[-4:] == ["quit", "quit", "start", "start"]
    assert len(set(said)) == 4  # two folders


def test_one_that_runs_is_used_and_not_ended(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(shared_gpu.PIPES, "/run/mps")
    assert shared_gpu.share_gpu() == ""
    shared_gpu.share_no_more()
    assert os.environ[shared_gpu.PIPES] == "/run/mps"
    assert not calls.exists()


def test_one_that_does_not_start_leaves_nothing(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATUS", "1")
    assert shared_gpu.share_gpu() == "`nvidia-cuda-mps-control -d` ended with status 1"
    assert shared_gpu.PIPES not in os.environ
    assert not Path(calls.read_text().split()[1]).exists()
    monkeypatch.setenv("PATH", "")
    assert shared_gpu.share_gpu() == "there is no nvidia-cuda-mps-control in the PATH"


def sweep(launcher: str, share: object) -> DictConfig:
    plugin = f"hydra_plugins.{launcher}_launcher.{launcher.title()}Launcher"
    return OmegaConf.create({"performance": {"share_gpu": share}, "hydra": {"launcher": {"_target_": plugin}}})


@pytest.mark.parametrize(
    ("launcher", "share", "started", "said"),
    [
        ("joblib", True, True, ""),
        ("joblib", False, False, ""),
        ("basic", False, False, ""),
        (
            *("basic", True, False),
            "performance.share_gpu is of use only with hydra/launcher=joblib, whose jobs run at once here",
        ),
    ],
)
def test_a_sweep_starts_it_where_it_is_asked_for(
    launcher: str,
    share: bool,
    started: bool,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    begun = []
    monkeypatch.setattr("adversaria.sweeps.jobs.share_gpu", lambda: begun.append(True) or "")
    monkeypatch.setattr("adversaria.sweeps.jobs.from_python", lambda: True)  # leaves signals as they are
    with caplog.at_level(logging.WARNING):
        prepare_launcher(sweep(launcher, share))
    assert bool(begun) is started
    assert caplog.text.strip().endswith(said)
    assert bool(caplog.records) is bool(said)


def test_a_sweep_says_why_it_cannot_be_had(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("adversaria.sweeps.jobs.share_gpu", lambda: "there is none")
    monkeypatch.setattr("adversaria.sweeps.jobs.from_python", lambda: True)
    prepare_launcher(sweep("joblib", True))
    assert "performance.share_gpu: there is none; the jobs take turns on a GPU" in caplog.text
