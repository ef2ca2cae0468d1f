"""The Wasserstein GAN (Arjovsky et al. 2017), with weight clipping or the gradient penalty of Gulrajani et al. 2017."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor

from adversaria.config.errors import ConfigError
from adversaria.config.types import NonNegative, Positive
from lightning_modules.adversarial import Phase
from lightning_modules.gan import GAN, Terms
from lightning_modules.schedules import Schedule


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Return minus the estimate of the Wasserstein-1 distance (Arjovsky et al. 2017, equation 3): the critic's loss.

    The generator minimises the same distance. Only `-fake.mean()` in it depends on the generator, which is
    `lightning_modules.losses.linear_generator`.

    Args:
        real: (n,) critic values of real images.
        fake: (m,) critic values of generated images.

    Returns:
        A scalar.
    """
    return fake.mean() - real.mean()


class WGAN(GAN):
    """A GAN whose discriminator, the critic, estimates the Wasserstein-1 distance.

    Its step is `GAN.discriminator_loss` and `GAN.generator_loss` with the loss above, and the clipping below. It logs
    `wasserstein`, the mean critic value of real minus that of generated images. Up to the critic's Lipschitz constant
    this estimates the distance, so it should fall.

    Args:
        weight_clip: bound of the absolute value of the critic's weights, applied after each of its steps (Arjovsky et
            al. 2017, algorithm 1); null where `gradient_penalty` keeps it Lipschitz.
        gradient_penalty: weight of the gradient penalty between real and generated images; 0 for none.
        r1: weight of the gradient penalty at real images; 0 for none.
        options: the others of `GAN`.
    """

    recordable = True
    logs = {"train val test": "wasserstein"}

    def __init__(
        self,
        weight_clip: Positive | None = None,
        gradient_penalty: NonNegative = 10.0,
        r1: NonNegative | Schedule = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(gradient_penalty=gradient_penalty, r1=r1, **options)
        if weight_clip is None and not self.gradient_penalty:
            raise ConfigError(
                "model.weight_clip=null: nothing keeps the critic Lipschitz; set model.weight_clip=0.01 or "
                "model.gradient_penalty=10"
            )
        self.weight_clip = weight_clip

    def phases(self) -> list[Phase]:
        """Return the critic's update, whose steps end with the clipping, and the generator's."""
        critic, generator = super().phases()
        return [dataclasses.replace(critic, after=self._clip if self.weight_clip else None), generator]

    @torch.no_grad()
    def _clip(self) -> None:
        assert self.weight_clip is not None
        for weight in self.network.discriminator.parameters():
            weight.clamp_(-self.weight_clip, self.weight_clip)

    def discriminator_metrics(self, real: Tensor, fake: Tensor) -> Terms:
        """Return the estimate of the distance."""
        return {"wasserstein": real.mean() - fake.mean()}

    def details(self) -> dict[str, Any]:
        """Return the implementation details of the method."""
        return {**super().details(), "discriminator_output": "critic_values"}
