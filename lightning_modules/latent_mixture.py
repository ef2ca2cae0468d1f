"""A mixture of Gaussians over a VAE's latents, fitted after the training: latents drawn from it replace the prior's."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

PARTS = ("weights", "means", "scales", "axes")


class LatentMixture(nn.Module):
    """The density of Ghosh et al. 2020 (section 4), with covariances that are diagonal in the latents' principal axes.

    A decoder has only seen latents of images, and with a small λ_KL few draws from N(0, I) are near them. The axes,
    common to all components, carry the correlations of the whole, so that a component has 2 d parameters instead of
    the d² / 2 of a full covariance, which ten thousand images do not determine for a thousand dimensions.

    Args:
        weights: of the components, (k,).
        means: of the components, along the axes, (k, d).
        scales: standard deviations of the components, along the axes, (k, d).
        axes: orthonormal rows, (d, d).
    """

    weights: Tensor
    means: Tensor
    scales: Tensor
    axes: Tensor

    def __init__(self, weights: Tensor, means: Tensor, scales: Tensor, axes: Tensor) -> None:
        super().__init__()
        for name, value in zip(PARTS, (weights, means, scales, axes), strict=True):
            self.register_buffer(name, value)

    @classmethod
    def fit(cls, latents: Tensor, components: int, seed: int) -> LatentMixture:
        """Fit to latents (n, d), n at least 2, by expectation maximisation; no other random state is used.

        Where there are fewer latents than components, there are as many components as latents.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        exact = latents.detach().cpu().double()
        axes = torch.linalg.eigh(exact.t().cov(correction=0).view(latents.shape[1], -1)).eigenvectors.t()
        mixture = GaussianMixture(
            min(components, len(exact)), covariance_type="diag", init_params="random_from_data", random_state=seed
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # after 100 rounds more change little
            mixture.fit((exact @ axes.t()).numpy())
        parts = (mixture.weights_, mixture.means_, mixture.covariances_**0.5)
        weights, means, scales = (torch.from_numpy(part).float() for part in parts)
        return cls(weights, means, scales, axes.float().contiguous())

    @classmethod
    def with_room_for(cls, weights: Mapping[str, Tensor], prefix: str, dimension: int) -> LatentMixture | None:
        """Return an empty mixture of the size that a checkpoint holds under a prefix, None if it holds none that fits.

        Args:
            weights: of the checkpoint, by name.
            prefix: of the mixture's names.
            dimension: of the latents, d.
        """
        held = [weights[prefix + name] for name in PARTS if prefix + name in weights]
        count = len(held[0]) if held and held[0].dim() else 0
        sizes = [(count,), (count, dimension), (count, dimension), (dimension, dimension)]
        if not count or [tuple(part.shape) for part in held] != sizes:
            return None
        return cls(*(torch.zeros(size) for size in sizes))

    def latents(self, noise: Tensor, seed: int) -> Tensor:
        """Map standard normal noise (n, d) to latents of the mixture, a function of the noise and the seed."""
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.multinomial(self.weights.cpu(), len(noise), replacement=True, generator=generator)
        chosen = chosen.to(self.means.device)
        return (self.means[chosen] + self.scales[chosen] * noise.to(self.means.device)) @ self.axes
