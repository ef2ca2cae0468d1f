"""Latents of a VAE: those of a data set, and walks along single dimensions or the direction of an attribute."""

from __future__ import annotations

from typing import Any

import torch
from rich.progress import track
from torch import Tensor

from adversaria.config.errors import DataError
from adversaria.config.types import Split
from datamodules.images import normalize

ENCODED = 10_000  # training images that tell an attribute's direction, or the dimensions with the largest KLD


def encode(module: Any, datamodule: Any, split: Split, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Encode the first `count` images of a split: means and log-variances (n, d), labels (n, k), with a progress bar.

    Raises:
        ConfigError: the data does not fit the model.
    """
    module.check_data(datamodule)
    batch = datamodule.pixels(split, count)
    parts = track(batch["image"].split(datamodule.batch_size), f"encoding {split} images", transient=True)
    encoded = [module.encode(normalize(part.to(module.device), datamodule.value_range)) for part in parts]
    mu, logvar = (torch.cat(values) for values in zip(*encoded, strict=True))
    return mu, logvar, batch["labels"].to(module.device)


def traverse(base: Tensor, dimensions: list[int], values: Tensor) -> Tensor:
    """Set single dimensions of a latent to each value: (d,), k dimensions, (s,) values -> (k, s, d)."""
    walks = base.repeat(len(dimensions), len(values), 1)
    for walk, dimension in zip(walks, dimensions, strict=True):
        walk[:, dimension] = values
    return walks


def attribute_direction(latents: Tensor, has: Tensor) -> Tensor:
    """Return the mean of the latents with an attribute minus that of those without: (n, d), (n,) bool -> (d,).

    Raises:
        DataError: all have it, or none.
    """
    if has.all() or not has.any():
        raise DataError(f"{'all' if has.all() else 'none'} of {len(has)} images have the attribute: no direction")
    return latents[has].mean(0) - latents[~has].mean(0)


def along(base: Tensor, direction: Tensor, strengths: Tensor) -> Tensor:
    """Go from each latent along a direction: (n, d), (d,), (s,) strengths -> (n, s, d)."""
    return base.unsqueeze(1) + strengths.view(1, -1, 1) * direction
