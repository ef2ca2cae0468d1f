"""Generative adversarial networks (Goodfellow et al. 2014; Radford et al. 2016)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from adversaria.config.errors import ConfigError
from adversaria.config.types import Batch, NonNegative, Positive, PositiveInt
from lightning_modules.adversarial import AdversarialModule, OptimizerSettings, Phase
from lightning_modules.base import check_network
from lightning_modules.ema import ExponentialAverage
from lightning_modules.losses import AdversarialLoss
from lightning_modules.modes import batch_statistics
from lightning_modules.networks.gan import GANNetwork
from lightning_modules.penalties import gradient_penalty, r1_penalty
from lightning_modules.schedules import Schedule, as_schedule

Terms = dict[str, Tensor]  # parts of a loss by the name they are logged under; the loss is their sum


class GAN(AdversarialModule):
    """A generator against a discriminator, in turn: discriminator first, on images generated without gradients.

    Args:
        network: generator and discriminator (`lightning_modules.networks.gan`).
        generator: how the generator is updated.
        discriminator: how the discriminator is updated.
        loss: the two sides of the game (`lightning_modules.losses`).
        r1: weight of the gradient penalty at real images; 0 for none.
        r1_every: steps of the discriminator from one R1 penalty to the next, each weighted with this number (Karras et
            al. 2020, "lazy regularization").
        gradient_penalty: weight of the gradient penalty between real and generated images; 0 for none.
        instance_noise: standard deviation of noise on all images the discriminator sees (Sønderby et al. 2017), a
            number or a schedule over iterations.
        generator_batches: batches of noise in one step of the generator.
        ema: factory of the generator's average (`lightning_modules.ema`), used for samples; null for none.
        truncation: samples are of normal noise truncated at this absolute value (Brock et al. 2019); null for none.
        spectral_norm: normalise the discriminator's weights (Miyato et al. 2018).
    """

    conditional = False  # whether the networks are given labels
    recordable = True

    def __init__(
        self,
        network: GANNetwork,
        generator: OptimizerSettings,
        discriminator: OptimizerSettings,
        loss: AdversarialLoss,
        r1: NonNegative = 0.1,
        r1_every: PositiveInt = 16,
        gradient_penalty: NonNegative = 0.0,
        instance_noise: NonNegative | Schedule = 0.0,
        generator_batches: PositiveInt = 1,
        ema: Callable[..., ExponentialAverage] | None = ExponentialAverage,
        truncation: Positive | None = None,
        spectral_norm: bool = False,
    ) -> None:
        super().__init__()
        check_network(network, GANNetwork, type(self).__name__)
        if bool(network.labels) != self.conditional:
            needs = (
                "needs labels, e.g. [Smiling] for faces, [digit] for digits" if self.conditional else "has no labels"
            )
            raise ConfigError(f"model.network.labels={network.labels}: {type(self).__name__} {needs}")
        self.network = network
        self.image_size, self.value_range = network.image_size, network.value_range
        self.updates = {"discriminator": discriminator, "generator": generator}
        self.loss, self.generator_batches, self.truncation = loss, generator_batches, truncation
        self.r1, self.r1_every, self.gradient_penalty = r1, r1_every, gradient_penalty
        self.instance_noise = as_schedule(instance_noise)
        if spectral_norm:
            for layer in list(network.discriminator.modules()):
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    parametrizations.spectral_norm(layer)
        self.ema = ema(network.generator) if ema is not None else None

    def phases(self) -> list[Phase]:
        """Return the discriminator's turn and the generator's."""
        network, updates = self.network, self.updates
        return [
            Phase("discriminator", network.discriminator, updates["discriminator"], self.discriminator_loss),
            Phase("generator", network.generator, updates["generator"], self.generator_loss),
        ]

    # -- training
    def graph_key(self, phase: Phase) -> Hashable:
        """Return whether there is noise on the images, and a penalty due."""
        return bool(self.instance_noise(self.iteration)), phase.name == "discriminator" and self._r1_due()

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return the discriminator's loss on a batch of real images and as many generated ones."""
        labels = self.labels_of(batch)
        with torch.no_grad():
            fake = self.network.generator(self._noise(len(batch["image"])), labels)
        return self._total(self.discriminator_terms(batch["image"], fake, labels))

    def generator_loss(self, batch: Batch) -> Tensor:
        """Return the generator's loss on as many images as the batch has, times `generator_batches`."""
        labels = self.labels_of(batch)
        if labels is not None:
            labels = labels.repeat(self.generator_batches, 1)
        fake = self.network.generator(self._noise(len(batch["image"]) * self.generator_batches), labels)
        return self._total(self.generator_terms(fake, labels))

    def discriminator_terms(self, real: Tensor, fake: Tensor, labels: Tensor | None) -> Terms:
        """Return the parts of the discriminator's loss on as many real as generated images with the same labels."""
        real, fake = self._add_noise(real), self._add_noise(fake)
        real_logits, real_labels = self.network.discriminator(real)
        fake_logits, fake_labels = self.network.discriminator(fake)
        self.record("train", self.discriminator_metrics(real_logits, fake_logits))
        return {
            "loss_d": self.loss.discriminator(real_logits, fake_logits),
            **self.label_terms_d(real_labels, fake_labels, labels),
            **self.penalties(real, fake),
        }

    def generator_terms(self, fake: Tensor, labels: Tensor | None) -> Terms:
        """Return the parts of the generator's loss."""
        logits, label_logits = self.network.discriminator(self._add_noise(fake))
        return {"loss_g": self.loss.generator(logits), **self.label_terms_g(label_logits, labels)}

    def label_terms_d(self, real_logits: Tensor, fake_logits: Tensor, labels: Tensor | None) -> Terms:
        """Return what the labels add to the discriminator's loss: nothing here."""
        return {}

    def label_terms_g(self, fake_logits: Tensor, labels: Tensor | None) -> Terms:
        """Return what the labels add to the generator's loss: nothing here."""
        return {}

    def label_metrics(self, real_logits: Tensor, labels: Tensor | None) -> Terms:
        """Return how well the discriminator tells the labels of real images: nothing here."""
        return {}

    def penalties(self, real: Tensor, fake: Tensor) -> Terms:
        """Return the weighted gradient penalties that are due."""
        terms = {}
        if self._r1_due():
            terms["r1"] = self.r1 * self.r1_every * r1_penalty(self._logits, real)
        if self.gradient_penalty:
            terms["gradient_penalty"] = self.gradient_penalty * gradient_penalty(self._logits, real, fake)
        return terms

    def discriminator_metrics(self, real: Tensor, fake: Tensor) -> Terms:
        """Return what (n,) logits of real and generated images say of the game: the accuracy on each kind."""
        boundary = self.loss.boundary
        return {
            "accuracy_real": (real > boundary).float().mean(),
            "accuracy_fake": (fake < boundary).float().mean(),
        }

    def labels_of(self, batch: Batch) -> Tensor | None:
        """Return the labels that the networks are conditioned on, (n, k); none here."""
        return None

    def end_iteration(self, batch: Batch) -> None:
        """Let the average follow the generator."""
        if self.ema is not None:
            self.ema.update(self.network.generator, new=self.count(batch), seen=self.images)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Record how the discriminator judges held-out real images: far worse than `train`, it has memorised those."""
        self._judge("val", batch, batch_idx)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Record how the discriminator judges test images."""
        self._judge("test", batch, batch_idx)

    def _judge(self, stage: str, batch: Batch, batch_idx: int) -> None:
        count = len(batch["image"])
        labels = self.labels_of(batch)
        fake = self.network.generator(self.noise(count, seed=batch_idx), labels)
        with batch_statistics(self.network.discriminator):
            real_logits, real_labels = self.network.discriminator(batch["image"])
            metrics = self.discriminator_metrics(real_logits, self._logits(fake))
        self.record(stage, {**metrics, **self.label_metrics(real_labels, labels)}, count)

    def _total(self, terms: Terms) -> Tensor:
        self.record("train", terms)
        return torch.stack(list(terms.values())).sum()

    def _logits(self, image: Tensor) -> Tensor:
        logits: Tensor = self.network.discriminator(image)[0]
        return logits

    def _add_noise(self, image: Tensor) -> Tensor:
        if not self.instance_noise(self.iteration):
            return image
        noise = self.dynamic_scalar(lambda: self.instance_noise(self.iteration)) * torch.randn_like(image).float()
        return image + noise.to(image.dtype)  # see reverse_gradient

    def _r1_due(self) -> bool:
        return bool(self.r1) and self.update_counts.get("discriminator", 0) % self.r1_every == 0

    def _noise(self, count: int) -> Tensor:
        return torch.randn(count, self.network.latent_dim, device=self.device)

    # -- protocols
    def noise(self, count: int, seed: int) -> Tensor:
        """Return (count, latent_dim) noise, a function of the seed alone; truncated if so configured."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(count, self.network.latent_dim, generator=generator)
        if self.truncation is not None:
            # The truncated normal's quantiles of the same noise: an image changes smoothly with the bound.
            tail = torch.special.ndtr(torch.tensor(-self.truncation, dtype=torch.double))
            noise = torch.special.ndtri(torch.lerp(tail, 1 - tail, torch.special.ndtr(noise.double()))).float()
        return noise.to(self.device)

    @torch.no_grad()
    def sample(self, count: int, noise: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """Generate `count` images, (count, 3, h, w) in `value_range`, with the averaged weights if there are any."""
        if noise is None:
            noise = self.noise(count, seed=int(torch.randint(2**31, ())))
        image: Tensor = (self.ema or self.network.generator)(noise, labels)
        return image

    def details(self) -> dict[str, Any]:
        """Return the implementation details of the method: the name of the loss says what the logits mean."""
        loss = getattr(self.loss.discriminator, "func", self.loss.discriminator)  # of a partial
        return {
            "discriminator_output": "logits",
            "discriminator_loss": getattr(loss, "__name__", type(loss).__name__),
            "latent_dim": self.network.latent_dim,
        }
