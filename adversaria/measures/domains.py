"""Predictions of a model for a domain's images, and criteria that need no label of the target."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from adversaria.config.types import Domain, Split
from datamodules.images import normalize
from lightning_modules.losses import entropy
from lightning_modules.modes import evaluating

BATCH_SIZE = 250


class DomainPredictions(NamedTuple):
    """Features (n, d), logits (n, k) and labels (n,) of images, on the CPU."""

    features: Tensor
    logits: Tensor
    labels: Tensor


def predict_domain(
    module: Any, datamodule: Any, domain: Domain, split: Split, count: int | None = None
) -> DomainPredictions:
    """Return what a model predicts for the first `count` images of a domain's split, all by default."""
    batch = datamodule.pixels(domain, split, count)
    predicted = []
    with evaluating(module):
        for part in batch["image"].split(BATCH_SIZE):
            outputs = module.outputs(normalize(part.to(module.device), datamodule.value_range), domain)
            predicted.append([value.float().cpu() for value in outputs])
    features, logits = (torch.cat(parts) for parts in zip(*predicted, strict=True))
    return DomainPredictions(features, logits, batch["labels"][:, 0].long())


def soft_neighbourhood_density(logits: Tensor, temperature: float = 0.05, count: int = 2000) -> Tensor:
    """Return the mean entropy of each image's similarity to the others, in nats; higher is better.

    Saito et al. 2021, section 3.2, of predictions of unit length; of the first `count` images: (n, k) -> scalar.
    """
    predictions = functional.normalize(logits[:count].softmax(1))
    similarity = predictions @ predictions.T / temperature
    return entropy(similarity.fill_diagonal_(-1e4)).mean()


def proxy_a_distance(source: np.ndarray, target: np.ndarray, seed: int = 0) -> float | None:
    """Return 2 (1 - 2 ε), ε the error of a linear classifier of the domain on half of the features.

    Ben-David et al. 2007; 0 where the domains cannot be told apart, 2 where they can: (n, d), (m, d) -> number. None
    where one of them has a single image.
    """
    if min(len(source), len(target)) < 2:
        return None
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = np.concatenate([source, target])
    domain = np.repeat([0, 1], [len(source), len(target)])
    split = train_test_split(features, domain, test_size=0.5, random_state=seed, stratify=domain)
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500)).fit(split[0], split[2])
    error = 1 - fitted.score(split[1], split[3])
    return float(2 * (1 - 2 * min(error, 0.5)))
