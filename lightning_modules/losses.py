"""Losses: pure functions of tensors."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor


def gaussian_kld(mu: Tensor, logvar: Tensor, latent_reduction: Literal["sum", "mean"] = "sum") -> Tensor:
    r"""Kullback-Leibler divergence of diagonal Gaussians from the standard normal, in nats, mean over the batch.

    Kingma & Welling 2014, appendix B: :math:`-\tfrac12 \sum_j (1 + \log\sigma_j^2 - \mu_j^2 - \sigma_j^2)`.

    Args:
        mu: (n, d) means.
        logvar: (n, d) logarithms of the variances.
        latent_reduction: `sum` over the d latent dimensions (the divergence itself), or their `mean`.

    Returns:
        A scalar.
    """
    per_dimension = _kld(mu, logvar)
    per_image = per_dimension.sum(1) if latent_reduction == "sum" else per_dimension.mean(1)
    return per_image.mean()


def per_dimension_kld(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the divergence of each latent dimension, mean over the batch: (n, d), (n, d) -> (d,) nats."""
    return _kld(mu, logvar).mean(0)


def _kld(mu: Tensor, logvar: Tensor) -> Tensor:
    mu, logvar = mu.float(), logvar.float()  # near the prior the terms cancel: half precision would lose them
    return 0.5 * (mu.square() + torch.expm1(logvar) - logvar)


def image_mse(image: Tensor, target: Tensor) -> Tensor:
    """Return the squared error of each image, mean over pixels and channels: two (n, c, h, w) -> (n,)."""
    return (image - target).square().flatten(1).mean(1)


def reparameterize(mu: Tensor, logvar: Tensor, noise: Tensor | None = None) -> Tensor:
    """Draw z = mu + sigma * noise (Kingma & Welling 2014, section 2.4), (n, d); standard normal noise by default."""
    return mu + torch.exp(0.5 * logvar) * (torch.randn_like(mu) if noise is None else noise)
