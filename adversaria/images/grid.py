"""From tensors to pixels, and pixels of several images in one picture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def to_uint8(images: Tensor, value_range: tuple[float, float]) -> np.ndarray:
    """Convert (n, c, h, w) images in `value_range` to (n, h, w, c) uint8."""
    low, high = value_range
    scaled = (images.detach().float().cpu() - low) * (255 / (high - low))
    return scaled.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()


def enlarged(images: np.ndarray, side: int = 64) -> np.ndarray:
    """Repeat the pixels of (n, h, w, c) images as often as it keeps their height within `side`, at least once."""
    scale = max(1, side // images.shape[1])
    return images.repeat(scale, 1).repeat(scale, 2)


def grid(images: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """Arrange (n, h, w, c) uint8 images in rows of `columns` images, with `gap` white pixels between them."""
    n, h, w, c = images.shape
    rows = -(-n // columns)
    page = np.full((rows * (h + gap) - gap, columns * (w + gap) - gap, c), 255, dtype=np.uint8)
    for i, image in enumerate(images):
        top, left = i // columns * (h + gap), i % columns * (w + gap)
        page[top : top + h, left : left + w] = image
    return page
