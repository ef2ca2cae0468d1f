"""How generated images differ from real ones, by the features of an extractor; and the inception score."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from adversaria.measures.neighbours import neighbour_metrics
from adversaria.measures.protocol import KID_SUBSET, KID_SUBSETS


@dataclass(frozen=True)
class RealFeatures:
    """The features of real images, and what the Fréchet distance needs of them, which a file can keep of more images.

    Attributes:
        count: number of images, n.
        total: sum of their features, (d,) float64.
        products: sum of the products of each two features, (d, d) float64.
        features: (m, d), of all images or of m of them.
    """

    count: int
    total: Tensor
    products: Tensor
    features: Tensor

    @classmethod
    def of(cls, features: Tensor) -> RealFeatures:
        """Return those of features (n, d)."""
        exact = features.double()
        return cls(len(features), exact.sum(0), exact.t().mm(exact), features)


class _Given(nn.Identity):
    """Stands for the extractor in torchmetrics, which is given features instead of images."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


def compare(real: RealFeatures, fake: Tensor, name: str) -> dict[str, Tensor]:
    """Return the `distances` and the `neighbour_metrics` of real features and those (m, d) of other images."""
    return {**distances(real, fake, name), **neighbour_metrics(real.features, fake, name)}


def distances(real: RealFeatures, fake: Tensor, name: str) -> dict[str, Tensor]:
    """Return `fid_<name>` and `kid_<name>` of real features and others (m, d); none where one side has no spread."""
    if min(real.count, len(real.features), len(fake)) < 2:
        return {}
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    extractor, device = _Given(fake.shape[1]), fake.device
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that features are kept in memory
        fid: Any = FrechetInceptionDistance(extractor).to(device)
        subset = min(KID_SUBSET, len(real.features), len(fake))
        kid: Any = KernelInceptionDistance(extractor, subsets=KID_SUBSETS, subset_size=subset).to(device)
    fid.real_features_sum, fid.real_features_cov_sum = real.total, real.products
    fid.real_features_num_samples = torch.tensor(real.count, device=device)
    fid.update(fake, real=False)
    kid.update(real.features, real=True)
    kid.update(fake, real=False)
    return {f"fid_{name}": fid.compute(), f"kid_{name}": kid.compute()[0]}


def inception_score(logits: Tensor) -> Tensor:
    """Return the inception score of (n, k) logits, mean over ten parts."""
    from torchmetrics.image.inception import InceptionScore

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = InceptionScore(_Given(logits.shape[1]))
    metric.update(logits)
    mean: Tensor = metric.compute()[0]
    return mean
