"""Precision, recall, density and coverage: which images lie among the nearest neighbours of the others.

An image's *ball* reaches to its k-th nearest neighbour among the images of its own side. Precision and density ask
which generated images lie in balls of real ones, recall and coverage which real images are reached by generated ones.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from adversaria.measures.protocol import MOST, NEAREST, NEEDED

BLOCK = 2**22  # distances in memory at once, 32 MiB
SAME = 1e-12  # of the squared lengths: a squared distance below it is that of equal images, but for rounding


def spread_evenly(features: Tensor) -> Tensor:
    """Return all features (n, d), or of more than `MOST` so many, evenly spaced, so that each class is among them."""
    count = len(features)
    return features if count <= MOST else features[torch.arange(MOST, device=features.device) * count // MOST]


def neighbour_metrics(real: Tensor, fake: Tensor, name: str) -> dict[str, Tensor]:
    """Return four measures of real features (n, d) and generated ones (m, d); none where a side has too few.

    `precision_<name>`, the share of generated images in the ball of some real image, and `recall_<name>`, the reverse
    (Kynkäänniemi et al. 2019, equation 2); `density_<name>`, the number of real balls that a generated image lies in,
    divided by k, which can exceed 1; and `coverage_<name>`, the share of real images with a generated one in their
    ball (Naeem et al. 2020, equations 3 and 4). A ball is without its surface, as in the published program of the
    latter.
    """
    if min(len(real), len(fake)) < NEEDED:
        return {}
    real, fake = (spread_evenly(features).double() for features in (real, fake))
    real_radii, fake_radii = _squared_radii(real), _squared_radii(fake)
    balls = torch.zeros(len(fake), device=fake.device)  # of real images, that each generated image lies in
    recalled, covered = [], []
    for rows, distances in _squared_distances(real, fake):
        inside = distances < real_radii[rows, None]
        balls += inside.sum(0)
        covered.append(inside.any(1))
        recalled.append((distances < fake_radii).any(1))
    return {
        f"precision_{name}": (balls > 0).float().mean(),
        f"recall_{name}": torch.cat(recalled).float().mean(),
        f"density_{name}": balls.mean() / NEAREST,
        f"coverage_{name}": torch.cat(covered).float().mean(),
    }


def _squared_radii(features: Tensor) -> Tensor:
    """Return the squared distance of each to its k-th nearest other, (n,); each is its own nearest."""
    distances = (found for _, found in _squared_distances(features, features))
    return torch.cat([found.topk(NEAREST + 1, largest=False).values.amax(1) for found in distances])


def _squared_distances(first: Tensor, second: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield the squared distances of some rows of the first to all of the second, with the rows: (n, d), (m, d)."""
    lengths, others = (features.square().sum(1) for features in (first, second))
    step = max(1, BLOCK // len(second))
    for start in range(0, len(first), step):
        rows = slice(start, start + step)
        scale = lengths[rows, None] + others
        found = torch.addmm(scale, first[rows], second.T, alpha=-2)
        yield rows, found.masked_fill_(found < SAME * scale, 0.0)
