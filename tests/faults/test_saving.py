"""Checkpoints outlive whatever happens while they are written."""

from __future__ import annotations

import random
import resource
import signal
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from support.saving import save_for_ever
from support.warm import SERVER

from adversaria.config.errors import SavingError
from adversaria.runs import checkpoint_io
from adversaria.runs.checkpoint_io import AtomicCheckpointIO, check_space
from adversaria.runs.checkpoints import is_intact


def checkpoint(number: int, size: int = 1000) -> dict[str, object]:
    return {"number": number, "weights": torch.full((size,), float(number))}


def number_in(file: Path) -> int:
    loaded = torch.load(file, weights_only=True)
    assert bool((loaded["weights"] == loaded["number"]).all())
    return int(loaded["number"])


def test_a_kill_in_the_middle_of_saving_leaves_the_last_good_one(tmp_path: Path) -> None:
    file, delay = tmp_path / "last.ckpt", random.Random(0)
    halfway = 0
    for _ in range(6):
        saved = SERVER.Event()
        process = SERVER.Process(target=save_for_ever, args=(file, saved))
        process.start()
        assert saved.wait(60)
        time.sleep(delay.uniform(0, 0.05))
        process.kill()
        process.join()
        halfway += (tmp_path / ".last.ckpt.part").exists()
        assert is_intact(file)
        assert number_in(file) >= 0
    assert halfway, "no kill fell into a write: this test has tested nothing"
    AtomicCheckpointIO().save_checkpoint(checkpoint(7), file)
    assert number_in(file) == 7
    assert list(tmp_path.iterdir()) == [file]  # what the kills left is gone


def test_a_full_file_system_costs_the_new_checkpoint_and_not_the_old(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a file system of 2 MB cannot be mounted here: that takes root")
    try:
        AtomicCheckpointIO().save_checkpoint(checkpoint(1), disk / "last.ckpt")
        with pytest.raises(SavingError, match=r"cannot write .*/disk/last.ckpt .* its disk has \d MB left"):
            AtomicCheckpointIO().save_checkpoint(checkpoint(2, 1_000_000), disk / "last.ckpt")
        assert number_in(disk / "last.ckpt") == 1
        assert list(disk.iterdir()) == [disk / "last.ckpt"]
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_write_that_fails_halfway_costs_the_new_checkpoint_and_not_the_old(tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(checkpoint(1), file)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(SavingError, match="an earlier file of that name is unchanged"):
            AtomicCheckpointIO().save_checkpoint(checkpoint(2, 1_000_000), file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert number_in(file) == 1
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_cannot_be_written_to_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(SavingError, match=r"cannot write .*/checkpoints/last\.ckpt"):
        AtomicCheckpointIO().save_checkpoint(checkpoint(1), tmp_path / "checkpoints" / "last.ckpt")


class Usage(NamedTuple):
    """As of `shutil.disk_usage`."""

    total: int
    used: int
    free: int


def test_a_disk_too_small_for_the_checkpoints_stops_the_run_before_training(tmp_path: Path, compose, cache_dir) -> None:
    from adversaria.tools import train

    small = ["data.reader.train=40", "data.reader.val=8", "data.reader.test=8", "data.batch_size=20"]
    config = compose(*small, "trainer.accelerator=cpu", f"data.cache_dir={cache_dir}", folder=tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint_io.shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 10**6, 10**6))
        with pytest.raises(SavingError, match=r"need \d+ MB in .*checkpoints, and its disk has 1 MB left; make room"):
            train.train(config, tmp_path)
    assert not list((tmp_path / "checkpoints").iterdir())
    check_space(tmp_path, 1)
