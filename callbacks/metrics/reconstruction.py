"""Reconstruction and latent metrics over the whole test split."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure as ssim

from adversaria.config.types import Positive
from callbacks.base import add_metrics
from callbacks.metrics.base import TestMetricCallback
from lightning_modules.losses import gaussian_kld, image_mse
from lightning_modules.protocols import Autoencoder


class ReconstructionMetrics(TestMetricCallback):
    """Add these test metrics of reconstructions from the posterior mean, each a mean over images:

    `test/mse_pm1` and `test/mse_01`: mean squared error per pixel and channel with pixels in (-1, 1) and in (0, 1);
    `test/psnr` in dB and `test/ssim`, both with a data range of 1; `test/kld_nats`; and `test/active_units`, the
    number of latent dimensions whose posterior mean varies over the images by more than `threshold` (Burda et al.
    2016, section 5.2).

    Args:
        threshold: variance above which a latent dimension counts as active.
    """

    needs = Autoencoder
    logs = {"test": "mse_01 mse_pm1 psnr ssim kld_nats active_units"}

    def __init__(self, threshold: Positive = 0.01) -> None:
        self.threshold = threshold
        self._sums: Tensor | None = None  # (3, d): count, sum and sum of squares of the posterior means

    def on_test_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Measure one batch."""
        labels = pl_module.labels_of(batch)
        mu, logvar = pl_module.encode(batch["image"], labels)
        low, high = pl_module.value_range
        image, decoded = ((x - low) / (high - low) for x in (batch["image"], pl_module.decode(mu, labels)))
        errors = image_mse(decoded, image)
        similarity = ssim(decoded, image, data_range=1.0)
        assert isinstance(similarity, Tensor)
        values = {
            "mse_01": errors.mean(),
            "mse_pm1": 4 * errors.mean(),  # (-1, 1) is twice as wide
            "psnr": (-10 * torch.log10(errors.clamp_min(1e-10))).mean(),
            "ssim": similarity,
            "kld_nats": gaussian_kld(mu, logvar),
        }
        pl_module.record("test", values, len(image))
        sums = torch.stack([torch.ones_like(mu), mu, mu.square()]).double().sum(1)
        self._sums = sums if self._sums is None else self._sums + sums

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Count the active units, over the images of all processes."""
        if self._sums is not None:
            count, total, squares = trainer.strategy.reduce(self._sums, reduce_op="sum")
            if count[0] > 1:  # otherwise there is no variance
                variance = (squares - total.square() / count) / (count - 1)
                add_metrics(pl_module, "test", {"active_units": (variance > self.threshold).sum()})
        self._sums = None
