"""Losses: pure functions of tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from adversaria.config.types import FractionBelowOne
from datamodules.labels import logit_count


def gaussian_kld(mu: Tensor, logvar: Tensor, latent_reduction: Literal["sum", "mean"] = "sum") -> Tensor:
    """Kullback-Leibler divergence of diagonal Gaussians from the standard normal, in nats, mean over the batch.

    Kingma & Welling 2014, appendix B: -½ Σ_j (1 + log σ_j² - μ_j² - σ_j²).

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


class AdversarialLoss(NamedTuple):
    """The losses of discriminator and generator; both take logits, never probabilities.

    Attributes:
        discriminator: (n,) logits of real and (m,) of generated images -> scalar to minimise.
        generator: (m,) logits of generated images -> scalar to minimise. Where the loss is `paired`: these, and (m,)
            logits of real images.
        boundary: the discriminator judges an image to be real where its logit is above this value.
        paired: both losses are of differences between the logits of real and of generated images. A single logit then
            means nothing, and the boundary is midway between the mean logits of the two kinds.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[..., Tensor]
    boundary: float = 0.0
    paired: bool = False


def cross_entropy_discriminator(real: Tensor, fake: Tensor, smoothing: FractionBelowOne = 0.0) -> Tensor:
    """Binary cross-entropy, real = 1 and generated = 0 (Goodfellow et al. 2014, equation 1).

    With one-sided label smoothing the target of real images is 1 - smoothing (Salimans et al. 2016, section 3.4).
    """
    positive = torch.full_like(real, 1 - smoothing)
    return functional.binary_cross_entropy_with_logits(real, positive) + functional.softplus(fake).mean()


def nonsaturating_generator(fake: Tensor) -> Tensor:
    """Minimise -log D(G(z)), that is, cross-entropy with flipped labels (Goodfellow et al. 2014, section 3)."""
    return functional.softplus(-fake).mean()


def saturating_generator(fake: Tensor) -> Tensor:
    """Minimise log(1 - D(G(z))), the minimax game itself (Goodfellow et al. 2014, equation 1)."""
    return -functional.softplus(fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Half the squared distance of real from 1 and generated from 0 (Mao et al. 2017, equation 9)."""
    return 0.5 * ((real - 1).square().mean() + fake.square().mean())


def least_squares_generator(fake: Tensor) -> Tensor:
    """Half the squared distance of generated from 1 (Mao et al. 2017, equation 9)."""
    return 0.5 * (fake - 1).square().mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss with margin 1 (Miyato et al. 2018, equation 16)."""
    return functional.relu(1 - real).mean() + functional.relu(1 + fake).mean()


def linear_generator(fake: Tensor) -> Tensor:
    """Minus the mean logit: the generator's loss with hinge (Miyato et al. 2018, eq. 17) and Wasserstein critics."""
    return -fake.mean()


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Cross-entropy of telling which image of a pair is real (Huang et al. 2024, equation 2, f = -log(1 + exp(-t)))."""
    return functional.softplus(fake - real).mean()


def relativistic_generator(fake: Tensor, real: Tensor) -> Tensor:
    """Cross-entropy of the wrong answer: real and generated change places (Huang et al. 2024, equation 2)."""
    return functional.softplus(real - fake).mean()


def label_loss(logits: Tensor, labels: Tensor, sizes: list[int]) -> Tensor:
    """Return the cross-entropy, mean over images and labels.

    Args:
        logits: (n, sum of the logits of each label): one for a binary label, `size` for any other.
        labels: (n, k) integers.
        sizes: number of values of each of the k labels.
    """
    terms = []
    for column, (part, size) in enumerate(zip(per_label(logits, sizes), sizes, strict=True)):
        target = labels[:, column]
        if size == 2:
            terms.append(functional.binary_cross_entropy_with_logits(part[:, 0], target.to(part.dtype)))
        else:
            terms.append(functional.cross_entropy(part, target.long()))
    return torch.stack(terms).mean()


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of images whose class is the most likely one: (n, k), (n,) -> scalar."""
    return (logits.argmax(1) == labels).float().mean()


def predict_labels(logits: Tensor, sizes: list[int]) -> Tensor:
    """Return the most likely value of each label, (n, k) int64; see `label_loss`."""
    parts = [
        (p[:, 0] > 0).long() if s == 2 else p.argmax(1) for p, s in zip(per_label(logits, sizes), sizes, strict=True)
    ]
    return torch.stack(parts, 1)


def per_label(logits: Tensor, sizes: list[int]) -> tuple[Tensor, ...]:
    """Split the logits of all labels into those of each, (n, 1) of a binary one."""
    return logits.float().split([logit_count(size) for size in sizes], dim=1)


def domain_loss(
    source: Tensor, target: Tensor, source_weight: Tensor | None = None, target_weight: Tensor | None = None
) -> Tensor:
    """Cross-entropy of a domain discriminator, mean over domains (Ganin et al. 2016, equation 9; source = 1).

    Args:
        source: (n,) logits of being the source's, of source features.
        target: (m,) the same of target features.
        source_weight: (n,) weights of the source's images; None for equal ones.
        target_weight: (m,) the same of the target's.
    """
    terms = [(functional.softplus(-source), source_weight), (functional.softplus(target), target_weight)]
    means = [t.mean() if w is None else (w * t).sum() / w.sum() for t, w in terms]
    return 0.5 * torch.stack(means).sum()


def domain_accuracy(source: Tensor, target: Tensor) -> Tensor:
    """Return the share of logits on the right side, mean over domains."""
    return 0.5 * ((source > 0).float().mean() + (target < 0).float().mean())


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy of each row's softmax in nats: (n, k) -> (n,)."""
    return -(logits.softmax(1) * logits.log_softmax(1)).sum(1)


def scale_invariant_mse(image: Tensor, target: Tensor) -> Tensor:
    """Return the squared error that a constant added to an image does not change, mean over images.

    Bousmalis et al. 2016, equation 5: the variance of the error over the pixels and channels of an image.
    """
    return (image - target).flatten(1).var(1, correction=0).mean()


def difference_loss(first: Tensor, second: Tensor) -> Tensor:
    """Return the overlap of two sets of features: 0 if no feature of one is correlated with a feature of the other.

    Bousmalis et al. 2016, equation 6, for centred features of unit length. As in the authors' code, it is the mean
    over the entries of the matrix, not their sum.
    """
    first, second = (functional.normalize(f.float() - f.float().mean(0)) for f in (first, second))
    return (first.T @ second).square().mean()
