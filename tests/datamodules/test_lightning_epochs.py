"""The private way by which Lightning tells our loaders the epoch; `ResumableLoader` says what breaks without it."""

from pathlib import Path

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from datamodules.array_cache import ArraySplit
from datamodules.batch_loader import BatchLoader, EpochSampler, ResumableLoader
from datamodules.pair_loader import PairLoader


class Empty(pl.LightningModule):
    """Trains on anything, and keeps the labels of each epoch's images."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.epochs: dict[int, list[int]] = {}

    def training_step(self, batch: dict[str, torch.Tensor], batch_idx: int) -> torch.Tensor:
        self.epochs.setdefault(self.current_epoch, []).extend(batch["labels"].flatten().tolist())
        return self.weight**2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def batch_loader() -> BatchLoader:
    split = ArraySplit(np.zeros((12, 2, 2, 3), np.uint8), np.arange(12, dtype=np.int8)[:, None])
    return BatchLoader(split, 4, EpochSampler(12, shuffle=True))


def pair_loader() -> PairLoader:
    return PairLoader(batch_loader(), batch_loader(), batches=3)


@pytest.mark.parametrize("build", [batch_loader, pair_loader])
def test_lightning_tells_every_loader_the_epoch(build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loader: ResumableLoader = build()
    told: list[int] = []
    sampler = type(loader.sampler)
    original = sampler.set_epoch
    monkeypatch.setattr(
        sampler, "set_epoch", lambda self, n: (self is loader.sampler and told.append(n), original(self, n))
    )
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=3,
        enable_model_summary=False,
        log_every_n_steps=1,
        default_root_dir=tmp_path,
        **quiet,
    )
    module = Empty()
    trainer.fit(module, loader)
    assert sorted(set(told)) == [0, 1, 2]
    orders = list(module.epochs.values())
    assert [sorted(order) for order in orders] == [list(range(12))] * 3
    assert len({tuple(order) for order in orders}) == 3
