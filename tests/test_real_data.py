"""Real CelebA, where it is at hand: the sources read it, and report A's VAE learns from it."""

import json
from pathlib import Path

import numpy as np
import pytest

from callbacks.csv_logger import read_metrics
from datamodules.array_cache import open_cache
from datamodules.sources.celeba import CelebA


@pytest.fixture(scope="module")
def celeba_cache(shared_data: Path, cache_dir: Path):
    return open_cache(CelebA(str(shared_data)), 64, cache_dir)


def test_celeba_loads_whole(celeba_cache) -> None:
    assert {k: len(v) for k, v in celeba_cache.splits.items()} == {"train": 7998, "val": 1002, "test": 1000}
    assert len(celeba_cache.attributes) == 40
    labels = np.concatenate([s.labels for s in celeba_cache.splits.values()])
    share = dict(zip(celeba_cache.attributes, labels.mean(0).round(3).tolist(), strict=True))
    assert (share["Male"], share["Smiling"], share["Blond_Hair"]) == (0.422, 0.482, 0.145)


def test_faces_are_centred_and_upright(celeba_cache) -> None:
    mean = celeba_cache.splits["test"].images.mean(0).mean(-1)  # (64, 64) the average face
    assert mean[20:50, 22:42].mean() > mean[:, :8].mean()  # skin is brighter than the sides
    asymmetry = np.abs(mean - mean[:, ::-1]).mean()
    assert asymmetry < 0.25 * np.abs(mean - mean[::-1]).mean()  # symmetric left to right, not top to bottom


def test_report_a_vae_learns_real_faces(shared_data: Path, celeba_cache, cache_dir: Path, tmp_path: Path, cli) -> None:
    done = cli(
        tmp_path,
        "experiment=report_a/vae",
        f"data.root={shared_data}",
        f"data.cache_dir={cache_dir}",
        "trainer.max_epochs=1",
        "data.batch_size=64",
        "trainer.limit_train_batches=20",
        "trainer.log_every_n_steps=1",
        "trainer.limit_val_batches=1",
        "trainer.limit_test_batches=1",
        "callbacks.tsne.count=64",
        "trainer.accelerator=cpu",
    )
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "outputs" / "report_a" / "vae").iterdir()
    curve = read_metrics(folder / "metrics.csv")["train/mse"][1]
    assert curve[-1] < 0.6 * curve[0]
    record = json.loads((folder / "metrics.json").read_text())
    assert record["protocol"]["train images"] == 7998
    assert len(list((folder / "figures").glob("*.png"))) == 4
