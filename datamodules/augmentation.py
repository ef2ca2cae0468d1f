"""Random changes of whole batches, on the device: one affine map an image, then inversion, colours, textures, noise."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from adversaria.types import Fraction, NonNegative, Probability


class Augmentation:
    """Change each image at random; (n, 3, h, w) in [0, 1] -> the same.

    Args:
        shift: largest shift in either direction, as a part of the image's side.
        scale: largest change of scale: 0.2 for a factor between 1/1.2 and 1.2.
        rotate: largest angle, in degrees.
        invert: probability of the negative.
        colour: how far each channel's contrast (a factor around the image's mean) and brightness (an offset) may go.
        texture: probability that a random smooth texture is blended in as in MNIST-M, `|image - texture|`.
        noise: standard deviation of Gaussian noise.
        cutout: side of a grey square at a random place, as a part of the image's side (DeVries & Taylor 2017).
    """

    def __init__(
        self,
        shift: Fraction = 0.0,
        scale: NonNegative = 0.0,
        rotate: NonNegative = 0.0,
        invert: Probability = 0.0,
        colour: Fraction = 0.0,
        texture: Probability = 0.0,
        noise: NonNegative = 0.0,
        cutout: Fraction = 0.0,
    ) -> None:
        self.shift, self.scale, self.rotate, self.invert = shift, scale, rotate, invert
        self.colour, self.texture, self.noise, self.cutout = colour, texture, noise, cutout

    def __call__(self, image: Tensor) -> Tensor:
        """Return a changed copy."""
        with torch.autocast(image.device.type, enabled=False):
            if self.shift or self.scale or self.rotate:
                image = self._affine(image)
            if self.texture:
                blended = (image - textures(image)).abs()
                image = torch.where(_chosen(image, self.texture), blended, image)
            if self.invert:
                image = torch.where(_chosen(image, self.invert), 1 - image, image)
            if self.colour:
                mean = image.mean((1, 2, 3), keepdim=True)
                image = (image - mean) * (1 + _spread(image, 3, self.colour)) + mean + _spread(image, 3, self.colour)
            if self.noise:
                image = image + self.noise * torch.randn_like(image)
            if self.cutout:
                image = self._cut(image)
            return image.clamp(0, 1)

    def _affine(self, image: Tensor) -> Tensor:
        angle = _spread(image, 1, math.radians(self.rotate)).flatten()
        # the map goes from the result to the image, so that a digit grows where this factor is below 1
        factor = torch.exp(_spread(image, 1, math.log1p(self.scale))).flatten()
        shift = 2 * _spread(image, 2, self.shift).view(-1, 2, 1)  # the image spans -1 to 1
        rows = [factor * angle.cos(), -factor * angle.sin(), factor * angle.sin(), factor * angle.cos()]
        theta = torch.cat([torch.stack(rows, 1).view(-1, 2, 2), shift], 2)
        places = functional.affine_grid(theta, list(image.shape), align_corners=False)
        return functional.grid_sample(image, places, padding_mode="border", align_corners=False)

    def _cut(self, image: Tensor) -> Tensor:
        n, _, height, width = image.shape
        y, x = (torch.arange(size, device=image.device).view(1, -1) for size in (height, width))
        centre = torch.rand(2, n, 1, device=image.device)
        rows = (y - centre[0] * height).abs() < self.cutout * height / 2
        columns = (x - centre[1] * width).abs() < self.cutout * width / 2
        return image.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.5)

    def __str__(self) -> str:
        """Name what is switched on."""
        return ", ".join(f"{name} {value:g}" for name, value in vars(self).items() if value)


def textures(like: Tensor) -> Tensor:
    """Draw random smooth RGB textures in [0, 1], of the shape of a batch of images.

    Each is a plain colour with a gradient, blobs and grain of random strength: coarse noise of three grids, scaled up.
    """
    n, channels, height, width = like.shape
    texture = torch.rand(n, channels, 1, 1, device=like.device).expand(like.shape)
    for side in (2, 5, 12):
        coarse = torch.rand(n, channels, side, side, device=like.device) - 0.5
        fine = functional.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)
        texture = texture + fine * torch.rand(n, 1, 1, 1, device=like.device)
    return texture.clamp(0, 1)


def _chosen(image: Tensor, probability: float) -> Tensor:
    return torch.rand(len(image), 1, 1, 1, device=image.device) < probability


def _spread(image: Tensor, count: int, bound: float) -> Tensor:
    """Draw (n, count, 1, 1) values between -bound and bound."""
    return torch.empty(len(image), count, 1, 1, device=image.device).uniform_(-bound, bound)
