"""A training that diverges stops, says where, and keeps its last good checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from adversaria.config.errors import ConfigError, DivergedError
from adversaria.tools import train
from lightning_modules.base import BaseModule

EPOCH = 4
SMALL = [
    *("data.reader.train=80", "data.reader.val=8", "data.reader.test=8", "data.batch_size=20"),
    *("model.network.width=4", "model.network.latent_dim=16", "trainer.max_epochs=3"),
    *("callbacks.tsne=null", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"),
]


def at(iteration: int, act: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do something to the module before an iteration is counted."""
    ended = BaseModule.end_iteration

    def end(module: Any, batch: Any) -> None:
        if module.iteration == iteration:
            act(module)
        ended(module, batch)

    monkeypatch.setattr(BaseModule, "end_iteration", end)


def break_weights(module: Any) -> None:
    with torch.no_grad():
        next(module.network.parameters())[0] = float("nan")


def last(folder: Path) -> dict[str, Any]:
    return torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)


@pytest.mark.parametrize(
    ("act", "every", "sentence"),
    [
        (lambda module: module.record("train", {"loss": float("inf")}), 1, "iteration 6: train/loss is inf"),
        (break_weights, 1, "iteration 7: train/loss is nan, train/.* is nan"),
        (break_weights, 100, "iteration 8: train/loss is nan"),  # the end of the epoch, where all is published
    ],
)
def test_a_loss_that_becomes_nan_stops_with_its_name_and_keeps_the_last_good_checkpoint(
    act, every: int, sentence: str, compose, cache_dir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    at(6, act, monkeypatch)
    config = compose(*SMALL, f"trainer.log_every_n_steps={every}", f"data.cache_dir={cache_dir}", folder=tmp_path)
    with caplog.at_level("INFO"), pytest.raises(DivergedError, match=sentence):
        train.train(config, tmp_path)
    saved = last(tmp_path)
    assert saved["adversaria"]["iteration"] == EPOCH
    assert all(bool(value.isfinite().all()) for value in saved["state_dict"].values())
    assert "stopped; go on with: python train.py ckpt_path=" in caplog.text


def test_weights_that_become_nan_are_never_saved(
    compose, cache_dir, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at(2 * EPOCH, break_weights, monkeypatch)  # in the last step of the epoch: all its losses were fine
    config = compose(*SMALL, f"data.cache_dir={cache_dir}", folder=tmp_path)
    with pytest.raises(
        DivergedError, match=r"iteration 8: network\..* contains NaN or infinity, checkpoint not written"
    ):
        train.train(config, tmp_path)
    assert last(tmp_path)["adversaria"]["iteration"] == EPOCH


def test_a_training_without_a_batch_is_an_error(compose, cache_dir, tmp_path: Path) -> None:
    config = compose(*SMALL, "trainer.limit_train_batches=0", f"data.cache_dir={cache_dir}", folder=tmp_path)
    with pytest.raises(ConfigError, match="limit_train_batches=0: nothing to train on"):
        train.train(config, tmp_path)


def test_from_the_command_line_it_is_one_sentence_and_status_2(cli, tmp_path: Path) -> None:
    done = cli(tmp_path, *SMALL, "model.optimizer.lr=1e30", "trainer.log_every_n_steps=1")
    assert done.returncode == 2
    assert "error: iteration " in done.stderr
    assert "Traceback" not in done.stderr
