"""What a VAE's latents are drawn from: its prior, or the mixture that was fitted to them after the training."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from adversaria.config.errors import ConfigError
from adversaria.config.types import LatentSampler
from lightning_modules.base import OptimizerFactory
from lightning_modules.latent_mixture import LatentMixture
from lightning_modules.networks.vae import VAENetwork
from lightning_modules.noise import seeded_noise
from lightning_modules.single_optimizer import SingleOptimizerModule


class LatentDensity(SingleOptimizerModule):
    """Base of the VAEs, which draws their latents.

    Attributes:
        mixture: density of the latents of training images, fitted when the training has ended; None before.
        sampler: what latents are drawn from: `prior`, N(0, I), or `mixture`.
    """

    network: VAENetwork
    mixture: LatentMixture | None
    sampler: LatentSampler = "prior"

    def __init__(self, network: VAENetwork, optimizer: OptimizerFactory) -> None:
        super().__init__(network, optimizer)
        self.mixture = None

    def noise(self, count: int, seed: int) -> Tensor:
        """Return (count, latent_dim) latents drawn as `sampler` says, a function of the seed alone.

        Raises:
            ConfigError: there is no mixture to draw from.
        """
        noise = seeded_noise(count, self.network.latent_dim, seed).to(self.device)
        if self.sampler == "prior":
            return noise
        if self.mixture is None:
            raise ConfigError(
                "this checkpoint has no mixture of latents, which is fitted when a training ends; "
                "train one epoch more, with train.py ckpt_path=RUN and a larger trainer.max_epochs, or use the prior"
            )
        return self.mixture.latents(noise, seed)

    def draw(self, count: int) -> Tensor:
        """Return (count, latent_dim) latents drawn as `sampler` says, by the global random state."""
        if self.sampler == "prior":
            return torch.randn(count, self.network.latent_dim, device=self.device)
        return self.noise(count, seed=int(torch.randint(2**31, ())))

    def on_train_start(self) -> None:
        """Forget the mixture of a checkpoint: it is of the latents before this training."""
        super().on_train_start()
        self.mixture = None

    def make_room(self, weights: Mapping[str, Tensor]) -> None:
        """Take over the size of the mixture of a checkpoint, or that it has none."""
        room = LatentMixture.with_room_for(weights, "mixture.", self.network.latent_dim)
        self.mixture = None if room is None else room.to(self.device)
