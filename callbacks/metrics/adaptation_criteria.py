"""Criteria for choosing an epoch that need no label of the target; and the oracle.

The oracle needs target labels and must never select an epoch.
"""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from adversaria.measures.domains import predict_domain, soft_neighbourhood_density
from callbacks.base import ModelCallback, add_metrics, datamodule_of
from lightning_modules.losses import accuracy, entropy
from lightning_modules.protocols import DomainClassifier
from lightning_modules.target_terms import information_maximisation


class AdaptationCriteria(ModelCallback):
    """Add these validation metrics of the target's held-out images, computed without their labels:

    `val/target_entropy` (lower is better), `val/information_maximisation` and `val/soft_neighbourhood_density` (higher
    is better); see `adversaria.measures.domains`. Any of them, or `val/accuracy` of the source, may choose the epoch:
    `callbacks.checkpoint.monitor=val/target_entropy test=best`.
    """

    needs = DomainClassifier
    logs = {"val": "target_entropy information_maximisation soft_neighbourhood_density"}

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure; each process predicts all images, so that all have the same values."""
        logits = predict_domain(pl_module, datamodule_of(trainer), "target", "val").logits
        values = {
            "target_entropy": entropy(logits).mean(),
            "information_maximisation": information_maximisation(logits),
            "soft_neighbourhood_density": soft_neighbourhood_density(logits),
        }
        add_metrics(pl_module, "val", {name: float(value) for name, value in values.items()})


class Oracle(ModelCallback):
    """Log the accuracy on the target's test images after each epoch, `val/oracle_accuracy`: never choose by it.

    That of the best epoch is in the test metrics as `test/accuracy_oracle`. Without labels of the target there is none.
    """

    needs = DomainClassifier
    logs = {"val": "oracle_accuracy", "test": "accuracy_oracle"}
    of_target_labels = {"val": "oracle_accuracy", "test": "accuracy_oracle"}

    def __init__(self) -> None:
        self.best = 0.0

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure."""
        predictions = predict_domain(pl_module, datamodule_of(trainer), "target", "test")
        known = predictions.labels >= 0
        if not known.any():
            return
        now = float(accuracy(predictions.logits[known], predictions.labels[known]))
        if not trainer.sanity_checking:  # which is before training, and of no epoch
            self.best = max(self.best, now)
        add_metrics(pl_module, "val", {"oracle_accuracy": now})

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Add the best epoch's accuracy."""
        if self.best:
            add_metrics(pl_module, "test", {"accuracy_oracle": self.best})

    def state_dict(self) -> dict[str, Any]:
        """Return the best accuracy so far."""
        return {"best": torch.tensor(self.best)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there."""
        self.best = float(state["best"])
