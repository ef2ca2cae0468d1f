"""Generative adversarial networks (Goodfellow et al. 2014; Radford et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from adversaria.config.types import AugmentPolicy, Batch, NonNegative, Positive, PositiveInt
from lightning_modules.adversarial import OptimizerSettings, Phase
from lightning_modules.ema import ExponentialAverage
from lightning_modules.generator import GeneratorModule, Terms
from lightning_modules.losses import AdversarialLoss
from lightning_modules.networks.gan import GANNetwork
from lightning_modules.penalties import gradient_penalty, zero_centred_penalty
from lightning_modules.schedules import Schedule, as_schedule


class GAN(GeneratorModule):
    """A generator against a discriminator, updated in turn: the discriminator first.

    Args:
        network: generator and discriminator (`lightning_modules.networks.gan`).
        generator: how the generator is updated.
        discriminator: how the discriminator is updated.
        loss: the losses of both sides (`lightning_modules.losses`).
        r1: weight of the gradient penalty at real images; 0 for none.
        r2: weight of the one at generated images; 0 for none.
        r1_every: discriminator steps from one of these two to the next, which is weighted with it (Karras et al. 2020).
        gradient_penalty: weight of the gradient penalty between real and generated images; 0 for none.
        instance_noise: standard deviation of noise on all that the discriminator sees (Sønderby et al. 2017).
        augment: changes of all that the discriminator sees (`lightning_modules.diff_augment`); () for none.
        generator_batches: batches of noise in one step of the generator.
        ema: factory of the generator's average (`lightning_modules.ema`), used for samples; null for none.
        truncation: samples are of normal noise truncated at this absolute value (Brock et al. 2019); null for none.
        spectral_norm: normalise the discriminator's weights (Miyato et al. 2018).
    """

    recordable = True
    logs = {"train": "loss_d loss_g r1 r2 gradient_penalty", "train val test": "accuracy_real accuracy_fake"}

    def __init__(
        self,
        network: GANNetwork,
        generator: OptimizerSettings,
        discriminator: OptimizerSettings,
        loss: AdversarialLoss,
        r1: NonNegative | Schedule = 0.1,
        r2: NonNegative | Schedule = 0.0,
        r1_every: PositiveInt = 16,
        gradient_penalty: NonNegative = 0.0,
        instance_noise: NonNegative | Schedule = 0.0,
        augment: AugmentPolicy = (),
        generator_batches: PositiveInt = 1,
        ema: Callable[..., ExponentialAverage] | None = ExponentialAverage,
        truncation: Positive | None = None,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__(network, ema, truncation, augment)
        self.updates = {"discriminator": discriminator, "generator": generator}
        self.loss, self.generator_batches = loss, generator_batches
        self.r1, self.r2, self.instance_noise = map(as_schedule, (r1, r2, instance_noise))
        self.r1_every, self.gradient_penalty = r1_every, gradient_penalty
        if spectral_norm:
            network.discriminator.use_spectral_norm()

    def phases(self) -> list[Phase]:
        """Return the discriminator's update and the generator's; noise and penalties are not in every step."""
        (d, g), updates = (self.network.discriminator, self.network.generator), self.updates
        d_key, g_key = (lambda: (self._noisy(), *self._lazy_weights())), self._noisy
        return [
            Phase("discriminator", d, updates["discriminator"], self.discriminator_loss, graph_key=d_key),
            Phase("generator", g, updates["generator"], self.generator_loss, graph_key=g_key),
        ]

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return the discriminator's loss on a batch of real images and as many generated ones."""
        labels = self.labels_of(batch)
        with torch.no_grad():
            fake = self.network.generator(self._noise(len(batch["image"])), labels)
        real, fake = self._add_noise(batch["image"]), self._add_noise(fake)
        real_logits, real_labels = self._judge(real)
        fake_logits, fake_labels = self._judge(fake)
        self.record("train", self.discriminator_metrics(real_logits, fake_logits))
        terms = {
            "loss_d": self.loss.discriminator(real_logits, fake_logits),
            **self.label_terms_d(real_labels, fake_labels, labels),
            **self.penalties(real, fake),
        }
        self.record("train", terms)
        return torch.stack(list(terms.values())).sum()

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return the generator's loss on as many images as the batch has, times `generator_batches`."""
        labels = self.labels_of(batch)
        labels = None if labels is None else labels.repeat(self.generator_batches, 1)
        fake = self.network.generator(self._noise(len(batch["image"]) * self.generator_batches), labels)
        logits, label_logits = self._judge(self._add_noise(fake))
        real_logits = [self._real_logits(batch["image"])] if self.loss.paired else []
        terms = {"loss_g": self.loss.generator(logits, *real_logits), **self.label_terms_g(label_logits, labels)}
        self.record("train", terms)
        return torch.stack(list(terms.values())).sum()

    def penalties(self, real: Tensor, fake: Tensor) -> Terms:
        """Return the weighted penalties that are due, of the gradient at images before any augmentation."""
        images, due = {"r1": real, "r2": fake}, self._lazy_weights()
        terms = {name: self._lazy_weight(name) * zero_centred_penalty(self._critic, images[name]) for name in due}
        if self.gradient_penalty:
            terms["gradient_penalty"] = self.gradient_penalty * gradient_penalty(self._critic, real, fake)
        return terms

    def discriminator_metrics(self, real: Tensor, fake: Tensor) -> Terms:
        """Return the discriminator's accuracy on real and on generated images, from their (n,) logits."""
        boundary = 0.5 * (real.mean() + fake.mean()) if self.loss.paired else self.loss.boundary
        return {"accuracy_real": (real > boundary).float().mean(), "accuracy_fake": (fake < boundary).float().mean()}

    @torch.no_grad()
    def _real_logits(self, image: Tensor) -> Tensor:
        """Return the logits of real images, as many as one step of the generator has generated ones."""
        return self._critic(self._add_noise(image)).repeat(self.generator_batches)

    def _noisy(self) -> bool:
        return bool(self.instance_noise(self.iteration))

    def _add_noise(self, image: Tensor) -> Tensor:
        if not self._noisy():
            return image
        noise = self.dynamic_scalar(lambda: self.instance_noise(self.iteration)) * torch.randn_like(image).float()
        return image + noise.to(image.dtype)  # see reverse_gradient

    def _lazy_weights(self) -> dict[str, float]:
        """Return the weights of the penalties that are due in this step of the discriminator."""
        if self.update_counts.get("discriminator", 0) % self.r1_every:
            return {}
        weights = {"r1": self.r1(self.iteration), "r2": self.r2(self.iteration)}
        return {name: weight * self.r1_every for name, weight in weights.items() if weight}

    def _lazy_weight(self, name: str) -> float | Tensor:
        return self.dynamic_scalar(lambda: self._lazy_weights()[name])

    def details(self) -> dict[str, Any]:
        """Return the implementation details of the method: the name of the loss says what the logits mean."""
        loss = getattr(self.loss.discriminator, "func", self.loss.discriminator)  # of a partial
        return {
            "discriminator_output": "logits",
            "discriminator_loss": getattr(loss, "__name__", type(loss).__name__),
            "latent_dim": self.network.latent_dim,
        }
