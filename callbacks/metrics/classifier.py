"""Test metrics of a classifier: the average precision of each attribute, the confusion matrix of classes."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from adversaria.config.labels import is_attribute, value_names
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

    For each label of classes save the confusion matrix, as `confusion_<iteration>.png` or, where there are several such
    labels, `confusion_<number of the label>_<iteration>.png`.

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
        parts = per_label(logits, pl_module.sizes)
        for i, (name, part) in enumerate(zip(pl_module.labels, parts, strict=True)):
            truth = labels[:, i]
            if part.shape[1] == 1:
                predicted = part[:, 0].sigmoid()
                if truth.unique().numel() == 2:  # otherwise there is nothing to rank
                    precision = float(average_precision_score(truth.numpy(), predicted.numpy()))
                    add_metrics(pl_module, "test", {f"average_precision/{name}": precision})
                for writer in tensorboard_writers(trainer):
                    writer.add_pr_curve(f"precision/{name}", truth, predicted, pl_module.iteration)
        if trainer.is_global_zero:
            self._draw(trainer, pl_module, labels, parts)

    def _draw(self, trainer: pl.Trainer, module: Any, labels: torch.Tensor, parts: tuple[torch.Tensor, ...]) -> None:
        """Save the confusion matrix of each label of classes, from labels (n, k) and the logits of each."""
        shown = [i for i, name in enumerate(module.labels) if not is_attribute(name, module.classes)]
        for i in shown:
            name, counts = module.labels[i], confusion_counts(labels[:, i], parts[i])
            names = value_names(name, module.classes)
            file = "confusion" if len(shown) == 1 else f"confusion_{i + 1}"
            save_picture(trainer, module, file, confusion(counts, f"{self.split} images, %", name, names))

    def _predicted(self, module: Any, data: Any) -> dict[str, torch.Tensor]:
        """Return logits and labels of the split, where the test was not of all of it."""

        def logits_of(image: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = module.classify(normalize(image, data.value_range)).float().cpu()
            return logits

        batch = data.pixels(self.split)
        with evaluating(module):
            logits = in_batches(logits_of, batch["image"], self.batch_size, module.device)
        return {"logits": logits, "labels": batch["labels"]}
