"""Penalties on the gradient of a discriminator with respect to its input: pure functions.

They are computed in float32 whatever the precision of the run, since they differentiate twice.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]  # (n, c, h, w) images -> (n,) logits


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean of (|gradient| - 1)^2 at random points between real and generated images (Gulrajani et al. 2017, eq. 3).

    Args:
        critic: should have no batch norm, because the penalty is of the gradient of each image separately.
        real: (n, c, h, w).
        fake: (n, c, h, w).
        weights: (n, 1, 1, 1) of the generated images, in [0, 1]; drawn uniformly by default.
    """
    if weights is None:
        weights = torch.rand(len(real), 1, 1, 1, device=real.device)
    norm = _gradient(critic, torch.lerp(real.float(), fake.float(), weights)).square().sum(1).add(1e-12).sqrt()
    return (norm - 1).square().mean()


def zero_centred_penalty(critic: Critic, image: Tensor) -> Tensor:
    """Half the mean squared gradient norm at images: R1 at real ones, R2 at generated ones.

    Mescheder et al. 2018, equation 9.
    """
    return 0.5 * _gradient(critic, image.float()).square().sum(1).mean()


def _gradient(critic: Critic, image: Tensor) -> Tensor:
    """Return d critic / d image, (n, c * h * w), differentiable."""
    image = image.detach().requires_grad_()
    with torch.enable_grad(), torch.autocast(image.device.type, enabled=False):
        (gradient,) = torch.autograd.grad(critic(image).float().sum(), image, create_graph=True)
    return gradient.flatten(1)
