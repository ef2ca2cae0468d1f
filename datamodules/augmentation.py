"""Random augmentation of whole batches, on the device of the images."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from adversaria.config.errors import ConfigError
from adversaria.config.types import Fraction, FractionBelowOne, NonNegative, ScaleRange
from datamodules.image_changes import blurred, border_colour, full_contrast, textures, with_neighbours


class Augmentation:
    """Change each image of a batch at random; images are (n, 3, h, w) in [0, 1], before and after.

    The changes are made in this order: one affine map (shift, scale, aspect, rotate), mirror, neighbours, grey,
    autocontrast, harden, texture, invert, veil, colour, blur, noise, cutout.

    Args:
        shift: largest shift in each direction, as a fraction of the image's side.
        scale: smallest and largest factor by which what is shown changes its size.
        aspect: smallest and largest factor by which the width changes beyond that; below 1, digits are narrower.
        rotate: largest angle, in degrees.
        mirror: probability that left and right change places.
        neighbours: probability, of each side, that another image of the batch appears there, cut off, as house numbers
            have further digits; see `with_neighbours`.
        grey: probability that an image loses its colours.
        autocontrast: probability that an image's darkest value becomes 0 and its lightest 1.
        harden: probability that an image becomes a mask: 1 above a random threshold, 0 below it.
        texture: probability that a random texture is blended in as in MNIST-M, `|image - texture|`.
        invert: probability that an image becomes its negative.
        veil: largest share of a random smooth texture that is mixed in: it lowers the contrast, tints, and
            lights the image unevenly, as haze and shadows do.
        colour: largest change of the contrast, a factor around the image's mean; the brightness, an offset, changes by
            at most half of it. All channels change together by these amounts, and each channel by half of them.
        blur: largest standard deviation of a Gaussian blur, as a fraction of the image's side.
        noise: standard deviation of Gaussian noise.
        cutout: side of a grey square at a random place, as a fraction of the image's side (DeVries & Taylor 2017).

    Raises:
        ConfigError: the first factor of `scale` or `aspect` is the larger one.
    """

    def __init__(
        self,
        shift: FractionBelowOne = 0.0,
        scale: ScaleRange = (1.0, 1.0),
        rotate: NonNegative = 0.0,
        mirror: Fraction = 0.0,
        harden: Fraction = 0.0,
        texture: Fraction = 0.0,
        invert: Fraction = 0.0,
        colour: FractionBelowOne = 0.0,
        noise: NonNegative = 0.0,
        cutout: FractionBelowOne = 0.0,
        aspect: ScaleRange = (1.0, 1.0),
        neighbours: Fraction = 0.0,
        grey: Fraction = 0.0,
        autocontrast: Fraction = 0.0,
        veil: FractionBelowOne = 0.0,
        blur: FractionBelowOne = 0.0,
    ) -> None:
        for name, factors in (("scale", scale), ("aspect", aspect)):
            if factors[0] > factors[1]:
                raise ConfigError(f"{name}={list(factors)} of an augmentation: write the smaller factor first")
        self.shift, self.scale, self.rotate = shift, (float(scale[0]), float(scale[1])), rotate
        self.mirror, self.harden, self.texture, self.invert = mirror, harden, texture, invert
        self.colour, self.noise, self.cutout = colour, noise, cutout
        self.aspect, self.neighbours = (float(aspect[0]), float(aspect[1])), neighbours
        self.grey, self.autocontrast, self.veil, self.blur = grey, autocontrast, veil, blur

    def __call__(self, image: Tensor) -> Tensor:
        """Return a changed copy."""
        with torch.autocast(image.device.type, enabled=False):
            if self.shift or self.rotate or not self.scale == self.aspect == (1.0, 1.0):
                image = self._affine(image)
            if self.mirror:
                image = torch.where(_random_subset(image, self.mirror), image.flip(3), image)
            if self.neighbours:
                image = with_neighbours(image, self.neighbours)
            if self.grey:
                image = torch.where(_random_subset(image, self.grey), image.mean(1, keepdim=True), image)
            if self.autocontrast:
                image = torch.where(_random_subset(image, self.autocontrast), full_contrast(image), image)
            if self.harden:
                mask = (image > 0.3 + _uniform(image, 1, 0.2)).to(image.dtype)
                image = torch.where(_random_subset(image, self.harden), mask, image)
            if self.texture:
                blended = (image - textures(image)).abs()
                image = torch.where(_random_subset(image, self.texture), blended, image)
            if self.invert:
                image = torch.where(_random_subset(image, self.invert), 1 - image, image)
            if self.veil:
                share = self.veil * torch.rand(len(image), 1, 1, 1, device=image.device)
                image = image.lerp(textures(image, (2, 4)), share)
            if self.colour:
                mean = image.mean((1, 2, 3), keepdim=True)
                contrast, brightness = (
                    _uniform(image, 1, bound) + _uniform(image, 3, bound / 2)
                    for bound in (self.colour, self.colour / 2)
                )
                image = (image - mean) * (1 + contrast) + mean + brightness
            if self.blur:
                image = blurred(image, self.blur)
            if self.noise:
                image = image + self.noise * torch.randn_like(image)
            if self.cutout:
                image = self._cut(image)
            return image.clamp(0, 1)

    def _affine(self, image: Tensor) -> Tensor:
        angle = _uniform(image, 1, math.radians(self.rotate)).flatten()
        # the map goes from the result to the image, so a factor below 1 enlarges the digit
        low, high = (math.log(factor) for factor in self.scale)
        factor = torch.exp(-image.new_empty(len(image)).uniform_(low, high))
        shift = 2 * _uniform(image, 2, self.shift).view(-1, 2, 1)  # the image spans -1 to 1
        rows = [factor * angle.cos(), -factor * angle.sin(), factor * angle.sin(), factor * angle.cos()]
        if self.aspect != (1.0, 1.0):
            width = image.new_empty(len(image)).uniform_(*self.aspect)
            rows = [rows[0] / width, rows[1] / width, *rows[2:]]
        theta = torch.cat([torch.stack(rows, 1).view(-1, 2, 2), shift], 2)
        places = functional.affine_grid(theta, list(image.shape), align_corners=False)
        # pixels from outside the image get the median colour of its border; repeating the border would smear digits
        middle = border_colour(image)
        return functional.grid_sample(image - middle, places, align_corners=False) + middle

    def _cut(self, image: Tensor) -> Tensor:
        n, _, height, width = image.shape
        y, x = (torch.arange(size, device=image.device).view(1, -1) for size in (height, width))
        centre = torch.rand(2, n, 1, device=image.device)
        rows = (y - centre[0] * height).abs() < self.cutout * height / 2
        columns = (x - centre[1] * width).abs() < self.cutout * width / 2
        return image.masked_fill((rows[:, :, None] & columns[:, None, :])[:, None], 0.5)

    def __str__(self) -> str:
        """List the options that change images, with their values."""
        switched_on = {k: v for k, v in vars(self).items() if v not in (0, (1.0, 1.0))}
        return ", ".join(
            f"{k} {v[0]:g} to {v[1]:g}" if isinstance(v, tuple) else f"{k} {v:g}" for k, v in switched_on.items()
        )


def _random_subset(image: Tensor, probability: float) -> Tensor:
    """Choose each image with this probability: (n, 1, 1, 1) bool."""
    return torch.rand(len(image), 1, 1, 1, device=image.device) < probability


def _uniform(image: Tensor, count: int, bound: float) -> Tensor:
    """Draw (n, count, 1, 1) uniform values between -bound and bound."""
    return torch.empty(len(image), count, 1, 1, device=image.device).uniform_(-bound, bound)
