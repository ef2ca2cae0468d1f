"""How callbacks ask any generator for images that are like the data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from adversaria.config.errors import ConfigError
from adversaria.images.grid import to_uint8
from datamodules.labels import label_columns, label_sizes
from lightning_modules.protocols import ConditionalSampler


def labels_in_turn(module: ConditionalSampler, batch: Mapping[str, Tensor], noise: Tensor) -> Tensor:
    """Return the labels of a batch of real images, as often as need be, for each of (n, d) noise: (n, k)."""
    labels = module.labels_of(batch)
    return labels[torch.arange(len(noise)) % len(labels)].to(noise.device)


def sample_like_data(module: Any, datamodule: Any, noise: Tensor) -> Tensor:
    """Generate the images of (n, d) noise; a conditional model is given the labels of the first n test images."""
    if not isinstance(module, ConditionalSampler):
        images: Tensor = module.sample(len(noise), noise=noise)
        return images
    return module.sample(len(noise), noise, labels_in_turn(module, datamodule.images("test", len(noise)), noise))


def chosen_labels(module: Any, given: Iterable[str], count: int) -> Tensor | None:
    """Return (count, k) labels, those given as NAME=VALUE and the others in turn; None for a model without labels.

    Raises:
        ConfigError: the model has no such label, or the label no such value.
    """
    names = module.labels if isinstance(module, ConditionalSampler) else []
    labels = module.some_labels(count) if names else None
    for text in given:
        name, _, value = text.partition("=")
        if labels is None:
            raise ConfigError(f"--label {text}: {type(module).__name__} is given no labels; leave it out")
        column = label_columns([name], names, "--label")[0]
        size = label_sizes(names)[column]
        if value not in map(str, range(size)):
            raise ConfigError(f"--label {text}: write {name}=VALUE, a value from 0 to {size - 1}")
        labels[:, column] = int(value)
    return labels


def pixel_batches(module: Any, noise: Tensor, labels: Tensor | None, batch_size: int) -> Iterator[np.ndarray]:
    """Generate images in batches: (n, d) noise, (n, k) labels or None -> arrays (b, h, w, 3) uint8."""
    for part in torch.arange(len(noise)).split(batch_size):
        given = {} if labels is None else {"labels": labels[part]}
        yield to_uint8(module.sample(len(part), noise=noise[part], **given), module.value_range)


def sample_pixels(module: Any, noise: Tensor, labels: Tensor | None, batch_size: int) -> Tensor:
    """Return the images of `pixel_batches` together, (n, 3, h, w) uint8 on the CPU."""
    images = np.concatenate(list(pixel_batches(module, noise, labels, batch_size)))
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def in_batches(function: Callable[[Tensor], Tensor], images: Tensor, batch_size: int, device: torch.device) -> Tensor:
    """Apply a function to images on the CPU, on a device and some at a time."""
    return torch.cat([function(part.to(device)) for part in images.split(batch_size)])


def with_label(labels: Tensor, column: int, value: int) -> Tensor:
    """Return (n, k) labels with one column set to a value."""
    changed = labels.clone()
    changed[:, column] = value
    return changed
