"""The variational autoencoder (Kingma & Welling 2014)."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from adversaria.config.types import Batch, NonNegative
from lightning_modules.base import OptimizerFactory
from lightning_modules.checks import check_labels, check_network
from lightning_modules.latent_density import LatentDensity
from lightning_modules.losses import gaussian_kld, image_mse, reparameterize
from lightning_modules.networks.vae import VAENetwork
from lightning_modules.noise import seeded_noise
from lightning_modules.schedules import Schedule, as_schedule


class VAE(LatentDensity):
    """VAE with a weighted divergence: loss = MSE + λ_KL · KLD, the same in training, validation and test.

    MSE is the mean over images, channels and pixels in the network's value range. KLD is the divergence in nats, mean
    over images and, with `kld_reduction="sum"`, summed over latent dimensions. As the MSE is a mean over the D values
    of an image, the β of a β-VAE with unit-variance Gaussian likelihood is λ_KL · D / 2: 1e-4 means β = 0.61
    at 64×64×3. The KLD is logged unweighted.

    Args:
        network: encoder-decoder pair (`lightning_modules.networks.vae`).
        optimizer: factory of the optimizer, given the parameters.
        lambda_kl: weight of the divergence: a number, a schedule over iterations, or `auto`, see `kl_weight`.
        kld_reduction: `sum` over latent dimensions, or their `mean`.
    """

    network: VAENetwork
    conditional = False  # whether the networks are given labels
    recordable = True
    logs = {"train val test": "loss mse kld", "val test": "lambda_kl", "optim": "lr_* lambda_kl"}

    def __init__(
        self,
        network: VAENetwork,
        optimizer: OptimizerFactory,
        lambda_kl: NonNegative | Schedule | Literal["auto"] = 1e-4,
        kld_reduction: Literal["sum", "mean"] = "sum",
    ) -> None:
        check_network(network, VAENetwork, type(self).__name__)
        check_labels(network, self.conditional, type(self).__name__)
        super().__init__(network, optimizer)
        self.image_size, self.value_range = network.image_size, network.value_range
        self.lambda_kl = None if lambda_kl == "auto" else as_schedule(lambda_kl)
        self.kld_reduction = kld_reduction

    # -- training
    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        terms = self._terms(batch)
        self.record("optim", {"lambda_kl": self.kl_weight(terms["mse"])})
        self.record("train", terms)
        return terms["loss"]

    def kl_weight(self, mse: Tensor) -> float | Tensor:
        """Return λ_KL in this iteration; with `auto`, 2 / D times the MSE of the process's batch, D values an image.

        The gradient then has the direction of the bound's with the variance of the Gaussian likelihood at its optimum,
        which is the MSE (Rybkin et al. 2021, section 4.2). A `mean` of the KLD counts as its sum.
        """
        if (schedule := self.lambda_kl) is None:
            dimensions = self.network.latent_dim if self.kld_reduction == "mean" else 1
            return 2 * dimensions / (3 * self.image_size**2) * mse.detach()
        return self.dynamic_scalar(lambda: schedule(self.iteration))

    def objective(self, image: Tensor, noise: Tensor | None = None, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Return `loss`, `mse` and the unweighted `kld` of (n, 3, h, w) images; noise (n, latent_dim) or drawn."""
        mu, logvar = self.network.encode(image, labels)
        decoded = self.network.decode(reparameterize(mu, logvar, noise), labels)
        mse = image_mse(decoded, image).mean()
        kld = gaussian_kld(mu, logvar, self.kld_reduction)
        return {"loss": mse + self.kl_weight(mse) * kld, "mse": mse, "kld": kld}

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Record the objective; the noise is the same at every validation."""
        self._measure("val", batch, batch_idx)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        """Record the objective."""
        self._measure("test", batch, batch_idx)

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the reconstructions, (n, 3, h, w)."""
        return self.reconstruct(batch["image"], self.labels_of(batch))

    def _terms(self, batch: Batch, noise: Tensor | None = None) -> dict[str, Tensor]:
        labels = self.labels_of(batch)  # an objective of models without labels need not take any
        return self.objective(batch["image"], noise, *(() if labels is None else (labels,)))

    def _measure(self, stage: str, batch: Batch, batch_idx: int) -> None:
        noise = seeded_noise(count := len(batch["image"]), self.network.latent_dim, seed=batch_idx)
        terms = self._terms(batch, noise.to(self.device))
        self.record(stage, terms if self.lambda_kl else {**terms, "lambda_kl": self.kl_weight(terms["mse"])}, count)

    # -- protocols
    def labels_of(self, batch: Batch) -> Tensor | None:
        """Return the labels that the networks are conditioned on, (n, k); None without."""
        return None

    @torch.no_grad()
    def encode(self, image: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return means and log-variances of the posteriors, (n, latent_dim) each."""
        return self.network.encode(image, labels)

    @torch.no_grad()
    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map (n, latent_dim) latents to (n, 3, h, w) images in `value_range`."""
        return self.network.decode(z, labels)

    def sample(self, count: int, noise: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """Decode `count` latents drawn as `sampler` says, or the given ones, to (count, 3, h, w) images."""
        return self.decode(self.draw(count) if noise is None else noise, labels)

    def reconstruct(self, image: Tensor, labels: Tensor | None = None) -> Tensor:
        """Decode the posterior means of (n, 3, h, w) images."""
        return self.decode(self.features(image, labels), labels)

    def features(self, image: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the posterior means, (n, latent_dim)."""
        return self.encode(image, labels)[0]

    def interpolate(self, first: Tensor, second: Tensor, steps: int = 8, labels: Tensor | None = None) -> Tensor:
        """Walk from one batch of images, (n, 3, h, w), to another in a straight line between their posterior means.

        Returns (n, steps, 3, h, w), both ends included; (n, k) labels, if conditional, are those of the whole walk.
        """
        a, b = self.features(first, labels), self.features(second, labels)
        weights = torch.linspace(0, 1, steps, device=a.device).view(1, steps, 1)
        z = torch.lerp(a.unsqueeze(1), b.unsqueeze(1), weights)
        labels = None if labels is None else labels.repeat_interleave(steps, 0)
        return self.decode(z.flatten(0, 1), labels).unflatten(0, (len(first), steps))

    def details(self) -> dict[str, Any]:
        """Return the implementation details of the method."""
        return {
            "loss": "mse_and_weighted_kld",
            "kld_reduction": self.kld_reduction,
            "latent_dim": self.network.latent_dim,
        }
