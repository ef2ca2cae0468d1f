"""The conditional variational autoencoder (Sohn et al. 2015): images with chosen attributes or of a chosen class."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

from adversaria.config.types import Batch, NonNegative
from lightning_modules.labels import LabelColumns
from lightning_modules.networks.vae import VAENetwork
from lightning_modules.schedules import Schedule
from lightning_modules.vae import VAE


class CVAE(VAE):
    """A VAE whose encoder and decoder are given the labels of an image: q(z | x, y) and p(x | z, y).

    The prior of the latent does not depend on the labels, so what they say need not be in it: the same latent with
    another label is the same face, say, with a smile.

    Args:
        network: encoder-decoder pair that was built with `labels`.
        lambda_kl: weight of the divergence; None for 2 / D, D the values of an image: then the loss is 2 / D times the
            bound of the paper with a Gaussian likelihood of unit variance, at every size. With a much smaller weight
            the latent says everything, and the decoder need not listen to the labels.
        options: the others of `VAE`.
    """

    label_columns: LabelColumns
    conditional = True
    recordable = True
    logs = {"train val test": "loss mse kld", "optim": "lr_* lambda_kl"}

    def __init__(
        self, network: VAENetwork, lambda_kl: NonNegative | Schedule | Literal["auto"] | None = None, **options: Any
    ) -> None:
        lambda_kl = 2 / (3 * network.image_size**2) if lambda_kl is None else lambda_kl
        super().__init__(network, lambda_kl=lambda_kl, **options)
        self.labels, self.classes = list(self.network.labels), self.network.classes
        self.label_columns = LabelColumns(self.labels, self.classes)
        self.sizes = self.label_columns.sizes

    def labels_of(self, batch: Batch) -> Tensor:
        """Return the labels of the batch that this model is about, (n, k)."""
        return self.label_columns.of(batch)

    def sample(self, count: int, noise: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """Decode `count` latents drawn from N(0, I), or the given ones, with these labels or those of `some_labels`."""
        return super().sample(count, noise, self.some_labels(count) if labels is None else labels)

    def some_labels(self, count: int) -> Tensor:
        """Return `count` labels that cycle through all combinations of values, (count, k)."""
        return self.label_columns.cycle(count, self.device)

    def details(self) -> dict[str, Any]:
        """Return the implementation details of the method."""
        return {**super().details(), "labels": self.labels}
