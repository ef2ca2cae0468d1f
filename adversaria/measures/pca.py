"""How well images can be written with few numbers by principal component analysis (PCA), the best linear code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from adversaria.config.errors import ConfigError

CHUNK = 2000  # images at a time


def reconstruction_errors(train: Tensor, test: Tensor, components: Sequence[int]) -> dict[int, float]:
    """Return the mean squared error of test images that are projected onto the first principal components.

    The error is a mean over images and values, with values in (0, 1); what is projected is not clipped to that range.
    The memory is that of two d × d matrices in float32, d the values of an image, beside the images.

    Args:
        train: (n, ...) uint8, whose components are used.
        test: (m, ...) uint8.
        components: numbers of components.

    Raises:
        ConfigError: there are not as many components.
    """
    count, size = len(train), train[0].numel()
    if not 1 <= min(components) <= max(components) <= min(count - 1, size):
        raise ConfigError(
            f"components={','.join(map(str, components))}: {count:,} training images of {size:,} values have 1 to "
            f"{min(count - 1, size):,}"
        )
    mean = sum((chunk.sum(0, dtype=torch.float64) for chunk in _chunks(train)), torch.zeros(size)) / count
    basis = _principal(train, mean.float(), max(components))
    energy, kept = 0.0, torch.zeros(max(components), dtype=torch.float64)
    for chunk in _chunks(test):
        centred = chunk - mean.float()
        energy += float(centred.double().square().sum())
        kept += (centred @ basis).double().square().sum(0)
    explained = kept.cumsum(0)
    return {k: (energy - float(explained[k - 1])) / (len(test) * size) for k in components}


def _principal(train: Tensor, mean: Tensor, count: int) -> Tensor:
    """Return the first principal components as columns (d, count), that of the largest variance first."""
    from scipy.linalg import eigh  # computes only as many as are needed, and in the matrix's place

    size = len(mean)
    scatter = torch.zeros(size, size)
    for chunk in _chunks(train):
        centred = chunk - mean
        scatter.addmm_(centred.t(), centred)
    _, vectors = eigh(scatter.numpy(), subset_by_index=[size - count, size - 1], overwrite_a=True, check_finite=False)
    return torch.from_numpy(vectors).flip(1)


def _chunks(images: Tensor) -> Iterator[Tensor]:
    """Yield the images as rows of values in (0, 1)."""
    for chunk in images.split(CHUNK):
        yield chunk.flatten(1).float() / 255
