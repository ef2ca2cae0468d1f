"""A run of two processes is resumed by Lightning's processes and by torchrun's, and no new run takes its folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from adversaria.runs.curves import read_metrics

ROOT = Path(__file__).resolve().parents[2]
TORCHRUN = ["-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-id=a word", "--rdzv-backend=c10d"]


@pytest.mark.faults
@pytest.mark.parametrize("start", [[], [*TORCHRUN, "--rdzv-endpoint=127.0.0.1:0"]])
def test_a_run_of_two_processes_goes_on(tmp_path: Path, start: list[str], cache_dir: Path) -> None:
    def run(*overrides: str) -> subprocess.CompletedProcess[str]:
        small = ["model.network.width=4", "data.batch_size=256", "trainer.log_every_n_steps=1", "test=null"]
        two = ["trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"]
        data = ["data=digits", f"data.cache_dir={cache_dir}", "callbacks.curves=null"]
        command = [sys.executable, *start, str(ROOT / "train.py"), "model=gan", *data, *small, *two, *overrides]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)

    first = run("trainer.max_epochs=1")
    assert first.returncode == 0, first.stderr
    (folder,) = (tmp_path / "outputs" / "gan_digits").iterdir()
    if start:
        before = (folder / "config.yaml").read_bytes()
        again = run("seed=2")
        assert again.returncode != 0
        assert f"gan_digits/{folder.name} has a run already" in again.stderr
        assert (folder / "config.yaml").read_bytes() == before
    more = run("trainer.max_epochs=2", "ckpt_path=auto")
    assert more.returncode == 0, more.stderr
    assert [folder] == list(folder.parent.iterdir())
    assert read_metrics(folder / "metrics.csv")["train/loss_d"][0] == [1, 2, 3, 4]
