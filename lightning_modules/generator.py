"""What GAN, WGAN and ACGAN share besides their losses: sampling, the average of the weights, validation."""

from __future__ import annotations

import abc
from collections.abc import Callable

import torch
from torch import Tensor

from adversaria.config.types import AugmentPolicy, Batch
from lightning_modules.adversarial import AdversarialModule
from lightning_modules.checks import check_labels, check_network
from lightning_modules.diff_augment import diff_augment
from lightning_modules.ema import ExponentialAverage
from lightning_modules.networks.batch_norm import batch_statistics
from lightning_modules.networks.gan import GANNetwork
from lightning_modules.noise import seeded_noise

Terms = dict[str, Tensor]  # parts of a loss, or metrics, by the name they are logged under


class GeneratorModule(AdversarialModule):
    """Base of the methods with a generator and a discriminator.

    Args:
        network: generator and discriminator.
        ema: factory of the generator's average; None for none.
        truncation: bound of the absolute value of the noise of samples; None for none.
        augment: changes of all that the discriminator sees in training; () for none.
    """

    conditional = False  # whether the networks are given labels
    averaged = "network.generator"

    def __init__(
        self,
        network: GANNetwork,
        ema: Callable[..., ExponentialAverage] | None,
        truncation: float | None,
        augment: AugmentPolicy = (),
    ) -> None:
        super().__init__()
        check_network(network, GANNetwork, type(self).__name__)
        check_labels(network, self.conditional, type(self).__name__)
        self.network = network
        self.image_size, self.value_range = network.image_size, network.value_range
        self.truncation, self.augment = truncation, augment
        self.ema = ema(network.generator) if ema is not None else None

    def labels_of(self, batch: Batch) -> Tensor | None:
        """Return the labels that the networks are conditioned on, (n, k); None without."""
        return None

    def label_terms_d(self, real_logits: Tensor, fake_logits: Tensor, labels: Tensor | None) -> Terms:
        """Return what the labels add to the discriminator's loss; nothing without labels."""
        return {}

    def label_terms_g(self, fake_logits: Tensor, labels: Tensor | None) -> Terms:
        """Return what the labels add to the generator's loss; nothing without labels."""
        return {}

    @abc.abstractmethod
    def discriminator_metrics(self, real: Tensor, fake: Tensor) -> Terms:
        """Return metrics of the discriminator from its (n,) logits of real and generated images."""

    def label_metrics(self, real_logits: Tensor, labels: Tensor | None) -> Terms:
        """Return metrics of the discriminator from its logits of the labels of real images; none without labels."""
        return {}

    def end_iteration(self, batch: Batch) -> None:
        """Update the average of the generator's weights."""
        if self.ema is not None:
            self.ema.update(self.network.generator, new=self.count(batch), seen=self.images)

    # -- training
    def _judge(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the discriminator's logits, of being real and of the labels, of images changed as `augment` says."""
        judged: tuple[Tensor, Tensor] = self.network.discriminator(diff_augment(image, self.augment, self.value_range))
        return judged

    def _critic(self, image: Tensor) -> Tensor:
        """Return the first of them.

        A gradient penalty differentiates it by the image before its changes, as in StyleGAN2-ADA and R3GAN.
        """
        return self._judge(image)[0]

    def _noise(self, count: int) -> Tensor:
        return torch.randn(count, self.network.latent_dim, device=self.device)

    # -- evaluation
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Record the metrics on held-out images; if far worse than in training, the discriminator has memorised."""
        self._record_metrics("val", batch, batch_idx)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Record the metrics on test images."""
        self._record_metrics("test", batch, batch_idx)

    def _record_metrics(self, stage: str, batch: Batch, batch_idx: int) -> None:
        count, labels = len(batch["image"]), self.labels_of(batch)
        fake = self.network.generator(self.noise(count, seed=batch_idx), labels)
        with batch_statistics(self.network.discriminator):
            real_logits, real_labels = self.network.discriminator(batch["image"])
            fake_logits, _ = self.network.discriminator(fake)
            metrics = self.discriminator_metrics(real_logits, fake_logits)
        self.record(stage, {**metrics, **self.label_metrics(real_labels, labels)}, count)

    # -- protocols
    def noise(self, count: int, seed: int) -> Tensor:
        """Return (count, latent_dim) noise, a function of the seed alone; truncated if so configured."""
        return seeded_noise(count, self.network.latent_dim, seed, self.truncation).to(self.device)

    @torch.no_grad()
    def sample(self, count: int, noise: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """Generate `count` images, (count, 3, h, w) in `value_range`, with the averaged weights if there are any."""
        if noise is None:
            noise = self.noise(count, seed=int(torch.randint(2**31, ())))
        image: Tensor = (self.ema or self.network.generator)(noise, labels)
        return image
