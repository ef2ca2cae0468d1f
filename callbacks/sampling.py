"""How callbacks ask any generator for images that are like the data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lightning_modules.abilities import ConditionalSampler


def sample_like_data(module: Any, datamodule: Any, noise: Tensor) -> Tensor:
    """Generate the images of (n, d) noise; a conditional model is given the labels of the first n test images."""
    if not isinstance(module, ConditionalSampler):
        images: Tensor = module.sample(len(noise), noise=noise)
        return images
    labels = module.labels_of(datamodule.images("test", len(noise)))
    return module.sample(len(noise), noise, labels[torch.arange(len(noise)) % len(labels)].to(noise.device))
