"""Differentiable augmentation of what a discriminator sees (DiffAugment, Zhao et al. 2020): pure functions.

All draws are made on the device of the images, each image has its own. Nothing is clamped, so gradients reach the
generator through every pixel that is still seen.
"""

from __future__ import annotations

import torch
from torch import Tensor

from adversaria.config.types import AugmentPolicy, ValueRange

REACH = 1 / 8  # of the image's side: the largest shift
HOLE = 1 / 2  # of the image's side: that of the square that is cut out


def diff_augment(image: Tensor, policy: AugmentPolicy, value_range: ValueRange = (-1.0, 1.0)) -> Tensor:
    """Change each image of a batch at random, in the order of the paper: colour, translation, cutout.

    Args:
        image: (n, 3, h, w) in `value_range`.
        policy: which changes are made; without any, the images are returned as they are.
        value_range: its middle fills what a shift or the cutout leaves empty.

    Returns:
        (n, 3, h, w) of the same type. A change of colour may leave `value_range`.
    """
    if not policy:
        return image
    low, high = value_range
    middle, half = (low + high) / 2, (high - low) / 2
    with torch.autocast(image.device.type, enabled=False):
        changed = (image.float() - middle) / half
        for name, change in {"colour": _colour, "translation": _translate, "cutout": _cut_out}.items():
            changed = change(changed) if name in policy else changed
        return (changed * half + middle).to(image.dtype)


def _colour(image: Tensor) -> Tensor:
    """Change brightness, then saturation, then contrast."""
    image = image + _uniform(image, -0.5, 0.5)
    grey = image.mean(1, keepdim=True)
    image = grey + (image - grey) * _uniform(image, 0.0, 2.0)
    mean = image.mean((1, 2, 3), keepdim=True)
    return mean + (image - mean) * _uniform(image, 0.5, 1.5)


def _translate(image: Tensor) -> Tensor:
    """Shift by whole pixels: products with matrices of zeros and ones, whose gradients a GPU adds up in one order."""
    down, right = (_shift(image, size) for size in image.shape[2:])
    return down @ image @ right.mT


def _cut_out(image: Tensor) -> Tensor:
    rows, columns = (_hole(image, size) for size in image.shape[2:])
    return image * ~(rows[..., :, None] & columns[..., None, :])


def _shift(image: Tensor, size: int) -> Tensor:
    """Return (n, 1, size, size) matrices that move the values of a (size,) vector, each by its own distance."""
    reach = int(size * REACH + 0.5)
    distance = torch.randint(-reach, reach + 1, (len(image), 1, 1, 1), device=image.device)
    places = torch.arange(size, device=image.device)
    return (places[:, None] == places + distance).to(image.dtype)


def _hole(image: Tensor, size: int) -> Tensor:
    """Return (n, 1, size) bool: true within a span whose middle is anywhere, at the border as well."""
    length = int(size * HOLE + 0.5)
    middle = torch.randint(0, size + 1 - length % 2, (len(image), 1, 1), device=image.device)
    places = torch.arange(size, device=image.device) - middle + length // 2
    return (places >= 0) & (places < length)


def _uniform(image: Tensor, low: float, high: float) -> Tensor:
    return torch.empty(len(image), 1, 1, 1, device=image.device).uniform_(low, high)
