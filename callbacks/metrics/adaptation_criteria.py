"""Criteria of adaptation that need no label of the target; and the forbidden one, marked as such."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from adversaria.measures.domains import information_maximisation, predict_domain, soft_neighbourhood_density
from lightning_modules.losses import accuracy, entropy
from lightning_modules.protocols import DomainClassifier, require


class AdaptationCriteria(pl.Callback):
    """Add to the validation metrics, of the target's held-out images without their labels.

    `val/target_entropy` (lower is better), `val/information_maximisation` and `val/soft_neighbourhood_density` (higher
    is better); see `adversaria.measures.domains`. Any of them, or `val/accuracy` of the source, may choose the epoch:
    `callbacks.checkpoint.monitor=val/target_entropy test=best`.
    """

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model tells digits of two domains."""
        require(pl_module, DomainClassifier, "criteria")

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure; each process sees all images, so that all have the figures."""
        logits = predict_domain(pl_module, trainer.datamodule, "target", "val").logits  # type: ignore[attr-defined]
        values = {
            "target_entropy": entropy(logits).mean(),
            "information_maximisation": information_maximisation(logits),
            "soft_neighbourhood_density": soft_neighbourhood_density(logits),
        }
        pl_module.record("val", {name: float(value) for name, value in values.items()})


class Oracle(pl.Callback):
    """Log the accuracy on the target's test images after each epoch, `val/oracle_accuracy`: to look at, not to choose.

    The best epoch's stands in the test metrics as `test/accuracy_oracle`.
    """

    def __init__(self) -> None:
        self.best = 0.0

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model tells digits of two domains."""
        require(pl_module, DomainClassifier, "oracle")

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure."""
        seen = predict_domain(pl_module, trainer.datamodule, "target", "test")  # type: ignore[attr-defined]
        now = float(accuracy(seen.logits, seen.labels))
        self.best = max(self.best, now)
        pl_module.record("val", {"oracle_accuracy": now})

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Add the best epoch's accuracy."""
        if self.best:
            pl_module.record("test", {"accuracy_oracle": self.best})

    def state_dict(self) -> dict[str, Any]:
        """Return the best accuracy so far."""
        return {"best": torch.tensor(self.best)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.best = float(state["best"])
