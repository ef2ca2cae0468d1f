"""Adversarial modules small enough to step in milliseconds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from lightning_modules.acgan import ACGAN
from lightning_modules.adversarial import AdversarialModule, OptimizerSettings
from lightning_modules.gan import GAN
from lightning_modules.losses import (
    AdversarialLoss,
    cross_entropy_discriminator,
    linear_generator,
    nonsaturating_generator,
    relativistic_discriminator,
    relativistic_generator,
)
from lightning_modules.networks.gan import CompactGAN
from lightning_modules.wgan import WGAN, wasserstein_critic

NONSATURATING = AdversarialLoss(cross_entropy_discriminator, nonsaturating_generator)
RELATIVISTIC = AdversarialLoss(relativistic_discriminator, relativistic_generator, paired=True)
WASSERSTEIN = AdversarialLoss(wasserstein_critic, linear_generator)


def update(**options: Any) -> OptimizerSettings:
    optimizer = options.pop("optimizer", functools.partial(torch.optim.SGD, lr=0.05))
    return OptimizerSettings(optimizer, **options)


def build(
    method: str = "gan",
    generator: OptimizerSettings | None = None,
    discriminator: OptimizerSettings | None = None,
    **options: Any,
) -> Any:
    torch.manual_seed(0)
    labels = ("digit", "Smiling") if method == "acgan" else ()
    network = CompactGAN(image_size=12, latent_dim=4, width=4, labels=labels)
    sides = {"generator": generator or update(), "discriminator": discriminator or update()}
    if method == "wgan":
        clipped = {"weight_clip": 0.01, "gradient_penalty": 0.0, "ema": None}
        return WGAN(**{"network": network, "loss": WASSERSTEIN, **sides, **clipped, **options})
    loss = RELATIVISTIC if options.pop("relativistic", False) else NONSATURATING
    bare = {"network": network, "loss": loss, "r1": 0.0, "ema": None}
    return {"gan": GAN, "acgan": ACGAN}[method](**{**bare, **sides, **options})


class Loader:
    """Yields batches from memory. (Lightning takes a bare list for a list of loaders.)"""

    def __init__(self, items: list[dict[str, torch.Tensor]]) -> None:
        self.items = items

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Any:
        return iter(self.items)


def batches(count: int, size: int = 6) -> list[dict[str, torch.Tensor]]:
    g = torch.Generator().manual_seed(1)
    labels = [torch.stack([torch.arange(size) % 10, torch.arange(size) % 2], 1).to(torch.int8) for _ in range(count)]
    return [{"image": torch.rand(size, 3, 12, 12, generator=g) * 2 - 1, "labels": y} for y in labels]


def fit(
    module: AdversarialModule, data: Any, epochs: int = 1, ckpt_path: Any = None, val: Any = None, **options: Any
) -> pl.Trainer:
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    quiet |= {"num_sanity_val_steps": 0, "log_every_n_steps": 1}
    trainer = pl.Trainer(**{"enable_checkpointing": False, "max_epochs": epochs, **quiet, **options})
    module.check_trainer(trainer)
    trainer.fit(module, Loader(data), Loader(val or data[:1]), ckpt_path=ckpt_path, weights_only=True)
    return trainer


@pytest.fixture
def make() -> Callable[..., Any]:
    """Build a tiny GAN, WGAN or ACGAN: make("gan", generator=…, r1=…)."""
    return build


@pytest.fixture
def make_update() -> Callable[..., OptimizerSettings]:
    """Build an OptimizerSettings with SGD."""
    return update


@pytest.fixture
def make_batches() -> Callable[..., list[dict[str, torch.Tensor]]]:
    """Build batches of random 12×12 images with the labels digit and Smiling."""
    return batches


@pytest.fixture
def train_on() -> Callable[..., pl.Trainer]:
    """Fit a module on batches."""
    return fit
