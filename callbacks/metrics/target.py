"""How well the adapted classifier does: of each class, on the source, and how far apart the domains still are."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch

from adversaria.config.types import IntAtLeast2
from adversaria.images.confusion import confusion
from adversaria.measures.domains import predict_domain, proxy_a_distance
from callbacks.figures.base import save_picture
from callbacks.metrics.base import TestMetricCallback
from lightning_modules.losses import accuracy
from lightning_modules.protocols import DomainClassifier, require


class TargetReport(TestMetricCallback):
    """Add to the test metrics, and save `confusion_<iteration>.png` of the target's test images.

    `test/accuracy/<digit>` of each class of the target, `test/accuracy_source` on the source's test images, and
    `test/proxy_a_distance` between the features of both (see `adversaria.measures.domains.proxy_a_distance`).

    Args:
        count: images of each domain for the distance.
    """

    def __init__(self, count: IntAtLeast2 = 1000) -> None:
        self.count = count

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model tells digits of two domains."""
        require(pl_module, DomainClassifier, "target_report")

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure and draw."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        source, target = (predict_domain(pl_module, data, domain, self.split) for domain in ("source", "target"))
        counts = torch.zeros(10, 10).index_put_((target.labels, target.logits.argmax(1)), torch.tensor(1.0), True)
        values = {f"accuracy/{digit}": counts[digit, digit] / counts[digit].sum().clamp_min(1) for digit in range(10)}
        values["accuracy_source"] = accuracy(source.logits, source.labels)
        near, far = (seen.features[: self.count].numpy() for seen in (source, target))
        pl_module.record("test", {k: float(v) for k, v in values.items()})
        pl_module.record("test", {"proxy_a_distance": proxy_a_distance(near, far)})
        if trainer.is_global_zero:
            save_picture(trainer, pl_module, "confusion", confusion(counts.numpy(), f"target's {self.split} images, %"))
