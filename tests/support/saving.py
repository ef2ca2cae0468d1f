"""A process that saves checkpoints until it is killed."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import torch

from adversaria.runs.checkpoint_io import AtomicCheckpointIO


def save_for_ever(file: Path, saved: Any) -> None:
    """Save one checkpoint after the other, and set the event `saved` after each."""
    for number in itertools.count():
        checkpoint = {"number": number, "weights": torch.full((2_000_000,), float(number))}
        AtomicCheckpointIO().save_checkpoint(checkpoint, file)
        saved.set()
