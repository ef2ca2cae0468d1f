"""Noise for samples that can be drawn again."""

from __future__ import annotations

import torch
from torch import Tensor


def seeded_noise(count: int, dimension: int, seed: int, truncation: float | None = None) -> Tensor:
    """Return standard normal noise, (count, dimension) on the CPU, a function of the arguments alone.

    Args:
        count: number of vectors.
        dimension: of each vector.
        seed: of a generator of its own; no other random state is read or changed.
        truncation: truncate the normal distribution at this absolute value; None for no bound. The result is the
            quantiles of the truncated distribution that belong to the noise without a bound, so an image changes
            smoothly with the bound.
    """
    noise = torch.randn(count, dimension, generator=torch.Generator().manual_seed(seed))
    if truncation is None:
        return noise
    tail = torch.special.ndtr(torch.tensor(-truncation, dtype=torch.double))
    return torch.special.ndtri(torch.lerp(tail, 1 - tail, torch.special.ndtr(noise.double()))).float()
