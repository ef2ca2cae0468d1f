"""How callbacks ask any generator for images that are like the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from callbacks.figures import to_uint8
from lightning_modules.abilities import ConditionalSampler


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


def sample_pixels(module: Any, noise: Tensor, labels: Tensor | None, batch_size: int) -> Tensor:
    """Generate images in batches: (n, d) noise, (n, k) labels or None -> (n, 3, h, w) uint8 on the CPU."""
    images = []
    for part in torch.arange(len(noise)).split(batch_size):
        given = {} if labels is None else {"labels": labels[part]}
        images.append(to_uint8(module.sample(len(part), noise=noise[part], **given), module.value_range))
    return torch.from_numpy(np.concatenate(images)).permute(0, 3, 1, 2)


def in_batches(function: Callable[[Tensor], Tensor], images: Tensor, batch_size: int, device: torch.device) -> Tensor:
    """Apply a function to images on the CPU, on a device and some at a time."""
    return torch.cat([function(part.to(device)) for part in images.split(batch_size)])
