"""What a classifier confuses: precision and recall of each attribute, the confusion matrix of digits."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from adversaria.config.types import PositiveInt
from adversaria.images.confusion import confusion
from adversaria.images.sampling import in_batches
from callbacks.figures.base import save_picture, tensorboard_writers
from callbacks.metrics.base import TestMetricCallback
from datamodules.images import normalize
from datamodules.labels import label_columns
from lightning_modules.losses import per_label
from lightning_modules.modes import evaluating
from lightning_modules.protocols import Classifier, require


class ClassifierReport(TestMetricCallback):
    """Of an attribute add `test/average_precision/<attribute>`, and its curve in TensorBoard; of digits, the confusion.

    That is saved as `confusion_<iteration>.png`.

    Args:
        batch_size: images at a time.
    """

    def __init__(self, batch_size: PositiveInt = 250) -> None:
        self.batch_size = batch_size

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model classifies."""
        require(pl_module, Classifier, "classifier_report")

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure and draw."""
        from sklearn.metrics import average_precision_score

        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        batch = data.pixels(self.split)
        labels = batch["labels"][:, label_columns(pl_module.labels, data.attributes, "model.network.labels")].long()

        def logits_of(image: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = pl_module.classify(normalize(image, data.value_range)).float().cpu()
            return logits

        with evaluating(pl_module):
            logits = in_batches(logits_of, batch["image"], self.batch_size, pl_module.device)
        for i, (name, part) in enumerate(zip(pl_module.labels, per_label(logits, pl_module.sizes), strict=True)):
            truth = labels[:, i]
            if part.shape[1] == 1:
                shown = part[:, 0].sigmoid()
                precision = float(average_precision_score(truth.numpy(), shown.numpy())) if truth.any() else 0.0
                pl_module.record("test", {f"average_precision/{name}": precision})
                for writer in tensorboard_writers(trainer):
                    writer.add_pr_curve(f"precision/{name}", truth, shown, pl_module.iteration)
            elif trainer.is_global_zero:
                counts = torch.zeros(10, 10).index_put_((truth, part.argmax(1)), torch.tensor(1.0), True)
                save_picture(trainer, pl_module, "confusion", confusion(counts.numpy(), f"{self.split} images, %"))
