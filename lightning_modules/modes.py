"""Modes of a module that last for a while and are undone afterwards."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch

from adversaria.config.types import LatentSampler


@contextlib.contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Put a module into evaluation mode without gradients, and every part back into its mode afterwards."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes:
            part.training = mode


@contextlib.contextmanager
def drawing_from(module: Any, sampler: LatentSampler) -> Iterator[None]:
    """Let a VAE draw its latents from the prior or the mixture, and afterwards from what they were drawn from."""
    before, module.sampler = module.sampler, sampler
    try:
        yield
    finally:
        module.sampler = before
