"""Walks between noise vectors: a generator that has learnt the data changes smoothly along them."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from adversaria.types import NonNegativeInt, PositiveInt
from callbacks.figures import FigureCallback, grid, save_picture, to_uint8
from callbacks.sampling import labels_in_turn
from lightning_modules.abilities import ConditionalSampler, Sampler, require


class Interpolation(FigureCallback):
    """Save `interpolation_<iteration>.png`, each row a walk between two noise vectors, labels unchanged along it.

    Args:
        rows: number of walks.
        steps: images a walk, both ends included.
        every_n_epochs: how often; 0 for the end of fit only.
        seed: of the noise.
    """

    def __init__(
        self,
        rows: PositiveInt = 6,
        steps: PositiveInt = 8,
        every_n_epochs: NonNegativeInt = 0,
        seed: NonNegativeInt = 1,
    ) -> None:
        super().__init__(every_n_epochs)
        self.rows, self.steps, self.seed = rows, steps, seed

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model samples."""
        require(pl_module, Sampler, "interpolation")

    def draw(self, trainer: pl.Trainer, module: Any) -> None:
        """Walk and save."""
        first, second = module.noise(2 * self.rows, self.seed).chunk(2)
        noise = spherical(first, second, self.steps).flatten(0, 1)
        if isinstance(module, ConditionalSampler):
            labels = labels_in_turn(module, trainer.datamodule.images("test", self.rows), first)  # type: ignore[attr-defined]
            images = module.sample(len(noise), noise, labels.repeat_interleave(self.steps, 0))
        else:
            images = module.sample(len(noise), noise)
        save_picture(trainer, module, "interpolation", grid(to_uint8(images, module.value_range), self.steps))


def spherical(first: Tensor, second: Tensor, steps: int) -> Tensor:
    """Walk on great circles, so that the norm stays one that the generator knows (White 2016, slerp).

    Args:
        first: (n, d).
        second: (n, d).
        steps: points a walk, both ends included.

    Returns:
        (n, steps, d).
    """
    cosine = torch.nn.functional.cosine_similarity(first, second, dim=1).clamp(-0.9999, 0.9999)
    angle = torch.arccos(cosine).view(-1, 1, 1)
    t = torch.linspace(0, 1, steps, device=first.device).view(1, steps, 1)
    walk = torch.sin((1 - t) * angle) * first.unsqueeze(1) + torch.sin(t * angle) * second.unsqueeze(1)
    return walk / torch.sin(angle)
