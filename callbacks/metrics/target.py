"""Test metrics of an adapted classifier: accuracy on each class and on the source, distance of the domains."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl

from adversaria.config.labels import value_names
from adversaria.config.types import IntAtLeast2
from adversaria.images.confusion import confusion, confusion_counts
from adversaria.measures.domains import DomainPredictions, predict_domain, proxy_a_distance
from callbacks.base import add_metrics, datamodule_of
from callbacks.figures.base import save_picture
from callbacks.metrics.base import StepOutputCallback
from lightning_modules.losses import accuracy
from lightning_modules.protocols import DomainClassifier


class TargetReport(StepOutputCallback):
    """Add these test metrics: accuracies by domain and class, and the distance of the domains.

    Of a target without labels there are those of the source and the distance alone.

    `test/accuracy/<class>` of each class of the target that has test images, `test/accuracy_source` on the source's
    test images, and `test/proxy_a_distance` between the features of both (see
    `adversaria.measures.domains.proxy_a_distance`). The confusion matrix of the target's test images is saved as
    `confusion_<iteration>.png`.

    Args:
        count: images of each domain for the distance.
    """

    needs = DomainClassifier
    outputs = ("features", "logits")
    logs = {"test": "accuracy/LABEL accuracy_source proxy_a_distance"}
    of_target_labels = {"test": "accuracy/LABEL"}

    def __init__(self, count: IntAtLeast2 = 1000) -> None:
        super().__init__()
        self.count = count

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure and draw."""
        data = datamodule_of(trainer)
        source = predict_domain(pl_module, data, "source", self.split)
        tested = self.take_outputs(trainer)
        target = (
            predict_domain(pl_module, data, "target", self.split)
            if tested is None
            else DomainPredictions(tested["features"], tested["logits"], tested["labels"][:, 0].long())
        )
        counts = confusion_counts(target.labels, target.logits)
        found = counts.sum(1)
        label, classes = pl_module.labels[0], pl_module.classes
        names = value_names(label, classes)
        values = {f"accuracy/{name}": counts[i, i] / found[i] for i, name in enumerate(names) if found[i]}
        values["accuracy_source"] = accuracy(source.logits, source.labels)
        near, far = (domain.features[: self.count].numpy() for domain in (source, target))
        distance = proxy_a_distance(near, far)
        measured = {} if distance is None else {"proxy_a_distance": distance}
        add_metrics(pl_module, "test", {k: float(v) for k, v in values.items()} | measured)
        if trainer.is_global_zero and found.any():
            picture = confusion(counts, f"target's {self.split} images, %", label, names)
            save_picture(trainer, pl_module, "confusion", picture)
