"""Interpolation between noise vectors."""

from __future__ import annotations

import torch
from torch import Tensor


def spherical(first: Tensor, second: Tensor, steps: int) -> Tensor:
    """Interpolate spherically ("slerp", White 2016), so that the norm stays typical of the generator's noise.

    Args:
        first: noise at the start, (n, d).
        second: noise at the end, (n, d).
        steps: number of points, both ends included.

    Returns:
        The points, (n, steps, d).
    """
    cosine = torch.nn.functional.cosine_similarity(first, second, dim=1).clamp(-0.9999, 0.9999)
    angle = torch.arccos(cosine).view(-1, 1, 1)
    t = torch.linspace(0, 1, steps, device=first.device).view(1, steps, 1)
    walk = torch.sin((1 - t) * angle) * first.unsqueeze(1) + torch.sin(t * angle) * second.unsqueeze(1)
    return walk / torch.sin(angle)
