"""A run of two processes, of torchrun and then of Lightning, has one folder, goes on in it, and keeps it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import torch

from adversaria.runs.curves import read_metrics

ROOT = Path(__file__).resolve().parents[2]
TORCHRUN = [
    *("-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-id=a word", "--rdzv-backend=c10d"),
    "--rdzv-endpoint=127.0.0.1:0",
]


def test_two_processes_share_one_run_folder_and_one_table_and_go_on(tmp_path: Path, cache_dir: Path) -> None:
    def run(start: list[str], *overrides: str) -> subprocess.CompletedProcess[str]:
        small = ["model.network.width=4", "data.batch_size=256", "trainer.log_every_n_steps=1"]
        two = ["trainer=ddp", "trainer.devices=2", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"]
        data = ["data=digits", f"data.cache_dir={cache_dir}", "callbacks.curves=null", "metrics=none"]
        command = [sys.executable, *start, str(ROOT / "train.py"), "model=gan", *data, *small, *two, *overrides]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=200)

    first = run(TORCHRUN, "trainer.max_epochs=1")
    assert first.returncode == 0, first.stderr
    assert "2 processes: 512 images a step" in first.stdout
    assert first.stdout.count("\nreport    ") == 1  # below the one table
    (folder,) = (tmp_path / "outputs" / "gan_digits").iterdir()
    assert json.loads((folder / "environment.json").read_text(encoding="utf-8"))[0]["processes"] == 2
    before = (folder / "config.yaml").read_bytes()
    again = run(TORCHRUN, "seed=2")
    assert again.returncode != 0
    assert f"gan_digits/{folder.name} has a run already" in again.stderr
    assert (folder / "config.yaml").read_bytes() == before
    more = run([], "trainer.max_epochs=2", "ckpt_path=auto", "test=null")  # now by Lightning's own processes
    assert more.returncode == 0, more.stderr
    assert [folder] == list(folder.parent.iterdir())
    curves = read_metrics(folder / "metrics.csv")
    assert curves["train/loss_d"][0] == curves["train/loss_g"][0] == [1, 2, 3, 4]  # 1,322 images, 512 a step
    saved = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["adversaria"]["images"] == 4 * 512
