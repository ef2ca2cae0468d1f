"""The order of callbacks does not matter: shuffled, a run of each kind leaves the same record and pictures."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
from PIL import Image

from adversaria.tools import train
from callbacks import base
from lightning_modules.base import BaseModule

SHORT = [
    *("data.batch_size=64", "trainer.max_epochs=2", "trainer.limit_train_batches=3", "trainer.log_every_n_steps=1"),
    *("trainer.accelerator=cpu", "trainer.enable_progress_bar=false"),
]
KINDS = {
    "vae": [
        *("model=vae", "model.network.width=4", "model.network.latent_dim=16", "callbacks.tsne.count=24"),
        *("data.reader.train=96", "data.reader.val=24", "data.reader.test=24", "data.batch_size=24"),
    ],
    "acgan": [
        "model=acgan",
        "data=digits",
        "model.network.width=4",
        "callbacks.health.count=16",
        "trainer.max_epochs=1",
    ],
    "classifier": ["model=classifier", "data=digits", "model.network.width=4", "trainer.max_epochs=1"],
    "dann": [
        *("model=dann", "data=digits_mnist5k", "data.image_size=16", "model.network.width=4"),
        *("callbacks.tsne.count=20", "callbacks.target_report.count=40"),
    ],
}


class PublishesFirst(pl.Callback):
    """Does what the module's own hooks do, before any other callback has its turn."""

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        pl_module.publish("val")

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        pl_module.publish("test")


@pytest.fixture
def shuffled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Shuffle all callbacks of a run, its record too, before they are sorted, and let the module's hooks go first."""
    put_in_order = base.in_order

    def shuffle(callbacks: list[pl.Callback]) -> list[pl.Callback]:
        mixed = random.Random(5).sample(callbacks, len(callbacks))
        mixed.sort(key=lambda c: type(c).__name__ != "LearningCurves")  # the worst order
        return [PublishesFirst(), *put_in_order(mixed)]

    with monkeypatch.context() as patch:
        patch.setattr(base, "in_order", shuffle)
        for hook in ("on_validation_epoch_end", "on_test_epoch_end"):  # which Lightning calls after those of callbacks
            patch.setattr(BaseModule, hook, lambda module: None)
        yield


def pictures(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    for file in (folder / "figures").glob("*.*"):
        if file.suffix == ".npz":
            found[file.name] = np.load(file)["points"]
        else:
            with Image.open(file) as picture:
                found[file.name] = np.asarray(picture)
    return found


@pytest.mark.faults  # two whole runs each
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_with_shuffled_callbacks_leaves_the_same(
    kind: str, compose: Any, cache_dir: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    left = []
    for name in ("configured", "shuffled"):
        if name == "shuffled":
            request.getfixturevalue("shuffled")
        folder, cache = tmp_path / name, cache_dir if kind != "classifier" else tmp_path / "cache"
        folder.mkdir()
        train.train(compose(*SHORT, *KINDS[kind], f"data.cache_dir={cache}", folder=folder), folder)
        record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        left.append((record["metrics"], record["protocol"], pictures(folder)))
    (metrics, protocol, pages), (others, other_protocol, other_pages) = left
    assert others == metrics
    assert other_protocol == protocol
    assert other_pages.keys() == pages.keys()
    for name, page in pages.items():
        np.testing.assert_array_equal(other_pages[name], page, err_msg=name)
