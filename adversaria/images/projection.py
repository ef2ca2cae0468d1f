"""Projection: the latents whose images are nearest to given ones, found by optimization (Abdal et al. 2019)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from adversaria.images.sampling import generator_of
from lightning_modules.losses import image_mse
from lightning_modules.protocols import Autoencoder

Track = Callable[[Iterable[int]], Iterable[int]]  # shows the progress over steps
LEARNING_RATE = 0.1  # at the start; it falls in a straight line
SPREAD = 2.0  # of the lengths of normal vectors, whose standard deviation is 0.7 in any dimension
FEATURE_WEIGHT = 0.1  # of the distance of features, against the mean squared error of pixels


@dataclass(frozen=True)
class Projection:
    """The nearest image of each given one.

    Attributes:
        noise: (n, d) latents.
        images: (n, 3, h, w) in the model's value range.
        mse: (n,) mean squared errors of the pixels, in that range.
        feature_distance: (n,) squared distances of the features, relative to the given image's.
    """

    noise: Tensor
    images: Tensor
    mse: Tensor
    feature_distance: Tensor


def project(
    module: Any, images: Tensor, labels: Tensor | None, steps: int, starts: int, seed: int, track: Track = iter
) -> Projection:
    """Find the latents of the images that a trained generator makes nearest to the given ones.

    The distance is the mean squared error of the pixels plus that of features: those of a GAN's discriminator, or of a
    VAE's encoder. A GAN's latents stay about as long as those of its training, where its images look as they should;
    the first start of a VAE is the mean of the posterior.

    Args:
        module: a generative model in evaluation mode.
        images: (n, 3, h, w) in its value range.
        labels: (n, k) for a conditional model.
        steps: of Adam.
        starts: number of latents that each image starts from, of the seed and following ones; the best one counts.
        seed: of the first.
        track: shows the progress over the steps.
    """
    count, encodes = len(images), isinstance(module, Autoencoder)
    first = module.encode(images, labels)[0] if encodes else module.noise(count, seed)
    noise = torch.cat([first, *(module.noise(count, seed + i) for i in range(1, starts))]).requires_grad_()
    distances = _distances(module, images.repeat(starts, 1, 1, 1), None if labels is None else labels.repeat(starts, 1))
    optimizer = torch.optim.Adam([noise], lr=LEARNING_RATE)
    for step in track(range(steps)):
        optimizer.param_groups[0]["lr"] = LEARNING_RATE * (1 - step / steps)
        _, mse, features = distances(noise)
        (noise.grad,) = torch.autograd.grad((mse + FEATURE_WEIGHT * features).sum(), noise)  # each row has its own loss
        optimizer.step()
        if not encodes:
            noise.data *= _typical_length(noise.data) / noise.data.norm(dim=1, keepdim=True)
    with torch.no_grad():
        found = distances(noise)
    total = found[1] + FEATURE_WEIGHT * found[2]
    best = total.view(starts, count).argmin(0) * count + torch.arange(count, device=noise.device)
    return Projection(noise.detach()[best], *(part[best] for part in found))


def _distances(module: Any, images: Tensor, labels: Tensor | None) -> Callable[[Tensor], tuple[Tensor, ...]]:
    """Return a function from latents to their images, and to the distances of these from the given ones."""
    generator, features = generator_of(module), _features(module, labels)
    given = () if labels is None else (labels,)
    with torch.no_grad():
        seen = features(images).flatten(1)
    scale = seen.square().mean(1).clamp_min(1e-8)

    def distances(noise: Tensor) -> tuple[Tensor, ...]:
        made = generator(noise, *given)
        return made, image_mse(made, images), (features(made).flatten(1) - seen).square().mean(1) / scale

    return distances


def _typical_length(noise: Tensor) -> Tensor:
    """Return the length of each vector (n, d), within that of 99.5 % of standard normal ones: (n, 1)."""
    middle = noise.shape[1] ** 0.5
    return noise.norm(dim=1, keepdim=True).clamp(max(0.1, middle - SPREAD), middle + SPREAD)


def _features(module: Any, labels: Tensor | None) -> Callable[[Tensor], Tensor]:
    network: Any = module.network
    if isinstance(module, Autoencoder):
        return lambda image: network.encode(image, labels)[0]
    return network.discriminator.encoder
