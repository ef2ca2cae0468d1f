"""Signals that ask a training to stop, whichever of its processes got them."""

from __future__ import annotations

import pytorch_lightning as pl
import torch

from adversaria.runs import signals


def requested(trainer: pl.Trainer) -> int:
    """Return the signal that asked any process to stop, 0 for none; several processes must call this together."""
    if trainer.world_size == 1:
        return signals.asked()
    number = torch.tensor(float(signals.asked()), device=trainer.strategy.root_device)
    return int(trainer.strategy.reduce(number, reduce_op="max"))


def stop_if_requested(trainer: pl.Trainer) -> None:
    """Stop, now that all is saved, if a signal asked for it; several processes must call this together.

    Raises:
        Interrupted: there was one.
    """
    if signal := requested(trainer):
        signals.stop(signal)
