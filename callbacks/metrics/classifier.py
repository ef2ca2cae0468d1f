"""Test metrics of a classifier: the average precision of each attribute, the confusion matrix of digits."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from adversaria.config.types import PositiveInt
from adversaria.images.confusion import confusion, confusion_counts
from adversaria.images.sampling import in_batches
from callbacks.base import add_metrics, datamodule_of
from callbacks.figures.base import save_picture, tensorboard_writers
from callbacks.metrics.base import StepOutputCallback
from datamodules.images import normalize
from datamodules.labels import label_columns
from lightning_modules.losses import per_label
from lightning_modules.modes import evaluating
from lightning_modules.protocols import Classifier


class ClassifierReport(StepOutputCallback):
    """Add `test/average_precision/<attribute>` and TensorBoard's precision-recall curve of each attribute.

    An attribute that all or none of the test images have gets no average precision.

    For digits save the confusion matrix as `confusion_<iteration>.png`.

    Args:
        batch_size: images at a time, where they are not those of the test.
    """

    needs = Classifier
    logs = {"test": "average_precision/LABEL"}

    def __init__(self, batch_size: PositiveInt = 250) -> None:
        super().__init__()
        self.batch_size = batch_size

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure and draw."""
        from sklearn.metrics import average_precision_score

        data = datamodule_of(trainer)
        batch = self.take_outputs(trainer) or self._predicted(pl_module, data)
        labels = batch["labels"][:, label_columns(pl_module.labels, data.attributes, "model.network.labels")].long()
        logits = batch["logits"]
        for i, (name, part) in enumerate(zip(pl_module.labels, per_label(logits, pl_module.sizes), strict=True)):
            truth = labels[:, i]
            if part.shape[1] == 1:
                predicted = part[:, 0].sigmoid()
                if truth.unique().numel() == 2:  # otherwise there is nothing to rank
                    precision = float(average_precision_score(truth.numpy(), predicted.numpy()))
                    add_metrics(pl_module, "test", {f"average_precision/{name}": precision})
                for writer in tensorboard_writers(trainer):
                    writer.add_pr_curve(f"precision/{name}", truth, predicted, pl_module.iteration)
            elif trainer.is_global_zero:
                counts = confusion_counts(truth, part)
                save_picture(trainer, pl_module, "confusion", confusion(counts, f"{self.split} images, %"))

    def _predicted(self, module: Any, data: Any) -> dict[str, torch.Tensor]:
        """Return logits and labels of the split, where the test was not of all of it."""

        def logits_of(image: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = module.classify(normalize(image, data.value_range)).float().cpu()
            return logits

        batch = data.pixels(self.split)
        with evaluating(module):
            logits = in_batches(logits_of, batch["image"], self.batch_size, module.device)
        return {"logits": logits, "labels": batch["labels"]}
