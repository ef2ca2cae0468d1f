"""Latents of a VAE: those of a data set, and changes along single dimensions or an attribute's direction."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adversaria.config.errors import DataError
from adversaria.config.types import Split
from adversaria.images.progress import progress
from datamodules.images import normalize

ENCODED_IMAGES = 10_000  # training images that determine directions of attributes and dimensions of largest KLD


def encode(
    module: Any, datamodule: Any, split: Split, count: int, quiet: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """Encode the first `count` images of a split: means, log-variances (n, d) and labels (n, k).

    There is a progress bar unless `quiet`, as where another one is drawn already.

    Raises:
        ConfigError: the data does not fit the model.
    """
    module.check_data(datamodule)
    batch = datamodule.pixels(split, count)
    labels = module.labels_of(batch)
    inputs = [batch["image"]] if labels is None else [batch["image"], labels]
    parts = list(zip(*(value.split(datamodule.batch_size) for value in inputs), strict=True))
    encoded = [
        module.encode(normalize(image.to(module.device), datamodule.value_range), *(y.to(module.device) for y in given))
        for image, *given in progress(parts, f"encoding {split} images", quiet=quiet)
    ]
    mu, logvar = (torch.cat(values) for values in zip(*encoded, strict=True))
    return mu, logvar, batch["labels"].to(module.device)


def traverse(base: Tensor, dimensions: list[int], values: Tensor) -> Tensor:
    """Set each of k dimensions of a latent (d,) to each of the values (s,), all others unchanged: (k, s, d)."""
    walks = base.repeat(len(dimensions), len(values), 1)
    for walk, dimension in zip(walks, dimensions, strict=True):
        walk[:, dimension] = values
    return walks


def attribute_direction(latents: Tensor, has: Tensor) -> Tensor:
    """Return the mean latent of images with an attribute minus that of the others: (n, d), (n,) bool -> (d,).

    Raises:
        DataError: all images have the attribute, or none has it.
    """
    if has.all() or not has.any():
        raise DataError(
            f"{'all' if has.all() else 'none'} of {len(has)} images have the attribute, so it has no direction"
        )
    return latents[has].mean(0) - latents[~has].mean(0)


def move_along(base: Tensor, direction: Tensor, strengths: Tensor) -> Tensor:
    """Add a direction (d,), times each of the strengths (s,), to each of the latents (n, d): (n, s, d)."""
    return base.unsqueeze(1) + strengths.view(1, -1, 1) * direction
