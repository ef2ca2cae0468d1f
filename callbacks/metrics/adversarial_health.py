"""Watches adversarial training for its usual failures: mode collapse, and a discriminator that has won."""

from __future__ import annotations

import logging
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from adversaria.config.types import IntAtLeast2, NonNegativeInt, PositiveFraction, PositiveInt, Seed
from adversaria.images.sampling import sample_like_data
from callbacks.base import ModelCallback, datamodule_of
from lightning_modules.modes import evaluating
from lightning_modules.protocols import Sampler

log = logging.getLogger(__name__)


class AdversarialHealth(ModelCallback):
    """Log two ratios after each epoch, and warn once of a collapse or of a discriminator that has won.

    `health/diversity` is the mean distance between pairs of samples, `health/nearest` that of a sample to its nearest
    neighbour, both over the same of real images. A generator that repeats one image has 0 in both. A generator that
    repeats a few images has a good diversity, but a `nearest` near 0.

    Args:
        count: number of samples, of fixed noise, and of real images.
        low: ratio below which the generator counts as collapsed.
        high: accuracy on both kinds of image above which the discriminator counts as having won.
        patience: epochs in a row before it warns.
        warm_up: training images before it warns of a collapse: the first samples are all alike.
        seed: of the noise.
    """

    needs = Sampler
    logs = {"health": "diversity nearest"}

    def __init__(
        self,
        count: IntAtLeast2 = 64,
        low: PositiveFraction = 0.4,
        high: PositiveFraction = 0.99,
        patience: PositiveInt = 3,
        warm_up: NonNegativeInt = 20_000,
        seed: Seed = 2,
    ) -> None:
        self.count, self.low, self.high, self.patience, self.seed = count, low, high, patience, seed
        self.warm_up = warm_up
        self._reference: tuple[float, float] | None = None
        self._epochs = {"collapsed": 0, "won": 0}

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure, log and warn."""
        if not trainer.is_global_zero:
            return
        data = datamodule_of(trainer)
        if self._reference is None:
            self._reference = pairwise_distances(data.images("train", self.count)["image"])
        with evaluating(pl_module):
            noise = pl_module.noise(self.count, self.seed)
            samples = sample_like_data(pl_module, data, noise)
        diversity, nearest = (
            ours / max(real, 1e-8) for ours, real in zip(pairwise_distances(samples), self._reference, strict=True)
        )
        for logger in trainer.loggers:
            logger.log_metrics({"health/diversity": diversity, "health/nearest": nearest}, step=pl_module.iteration)
        self._watch(
            "collapsed",
            pl_module.images >= self.warm_up and not min(diversity, nearest) >= self.low,  # of NaNs too
            f"mode collapse: the mean distance between samples is {diversity:.2f} times that between real images, and "
            f"the distance to the nearest other sample {nearest:.2f} times. Weaken the discriminator: a lower "
            "model.discriminator.optimizer.lr, model.r1=10 or model.instance_noise=0.1",
        )
        accuracy = [trainer.callback_metrics.get(f"train/accuracy_{kind}") for kind in ("real", "fake")]
        self._watch(
            "won",
            all(a is not None and a > self.high for a in accuracy),
            f"the discriminator has won: it has been right on more than {self.high:.0%} of real and generated images "
            f"for {self.patience} epochs, so the generator learns little from it. Try model.r1=10, "
            "model.instance_noise=0.1, "
            "or a lower model.discriminator.optimizer.lr",
        )

    def state_dict(self) -> dict[str, Any]:
        """Return the number of consecutive epochs in which each failure was seen."""
        return dict(self._epochs)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on counting from there."""
        self._epochs = dict(state)

    def _watch(self, name: str, is_so: bool, sentence: str) -> None:
        self._epochs[name] = self._epochs[name] + 1 if is_so else 0
        if self._epochs[name] == self.patience:
            log.warning(sentence)


def pairwise_distances(images: Tensor) -> tuple[float, float]:
    """Return the mean Euclidean distance between pairs of (n, c, h, w) images, and to the nearest, per √value."""
    flat = images.detach().float().flatten(1)
    distances = torch.cdist(flat, flat) / flat.shape[1] ** 0.5
    nearest = distances.fill_diagonal_(float("inf")).amin(1)
    return float(distances[distances.isfinite()].mean()), float(nearest.mean())
