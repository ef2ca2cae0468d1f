"""Fits a density to the latents of a trained VAE, which generates better images than its prior."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from adversaria.config.types import IntAtLeast2, PositiveInt, Seed
from adversaria.images.latents import encode
from callbacks.base import ModelCallback, datamodule_of
from lightning_modules.latent_mixture import LatentMixture
from lightning_modules.losses import reparameterize
from lightning_modules.modes import evaluating
from lightning_modules.noise import seeded_noise
from lightning_modules.vae import VAE


class FitLatentMixture(ModelCallback):
    """Fit a `LatentMixture` to the training images' latents at the end of the last epoch, before it is saved.

    One latent of each image is drawn from its posterior: means alone are narrower than what the decoder was trained on.
    The training's random numbers are not used.

    Args:
        components: number of Gaussians.
        images: number of training images, from the first on.
        seed: of the latents, and of the first guess.
    """

    needs = VAE

    def __init__(self, components: PositiveInt = 10, images: IntAtLeast2 = 10_000, seed: Seed = 0) -> None:
        self.components, self.images, self.seed = components, images, seed

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Fit if the training ends here."""
        if not trainer.should_stop and trainer.current_epoch + 1 != trainer.max_epochs:
            return
        with evaluating(pl_module):
            mu, logvar, _ = encode(pl_module, datamodule_of(trainer), "train", self.images, quiet=True)
            noise = seeded_noise(len(mu), mu.shape[1], self.seed).to(mu.device)
            latents = reparameterize(mu, logvar, noise)
        if len(latents) > 1 and bool(latents.isfinite().all()):  # weights that are not are named when they are saved
            pl_module.mixture = LatentMixture.fit(latents, self.components, self.seed).to(pl_module.device)
