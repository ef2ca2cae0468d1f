"""How well the adapted classifier does: of each class, on the source, and how far apart the domains still are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure

from adversaria.types import Plural
from callbacks.domains import look, proxy_a_distance
from callbacks.figures import save_picture
from callbacks.measurement import Measurement
from lightning_modules.abilities import DomainClassifier, require
from lightning_modules.losses import accuracy


class TargetReport(Measurement):
    """Add to the test metrics, and save `confusion_<iteration>.png` of the target's test images.

    `test/accuracy/<digit>` of each class of the target, `test/accuracy_source` on the source's test images, and
    `test/proxy_a_distance` between the features of both (see `callbacks.domains.proxy_a_distance`).

    Args:
        count: images of each domain for the distance.
    """

    def __init__(self, count: Plural = 1000) -> None:
        self.count = count

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model tells digits of two domains."""
        require(pl_module, DomainClassifier, "target_report")

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Measure and draw."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        source, target = (look(pl_module, data, domain, self.split) for domain in ("source", "target"))
        counts = torch.zeros(10, 10).index_put_((target.labels, target.logits.argmax(1)), torch.tensor(1.0), True)
        values = {f"accuracy/{digit}": counts[digit, digit] / counts[digit].sum().clamp_min(1) for digit in range(10)}
        values["accuracy_source"] = accuracy(source.logits, source.labels)
        near, far = (seen.features[: self.count].numpy() for seen in (source, target))
        pl_module.record("test", {k: float(v) for k, v in values.items()})
        pl_module.record("test", {"proxy_a_distance": proxy_a_distance(near, far)})
        if trainer.is_global_zero:
            save_picture(trainer, pl_module, "confusion", confusion(counts.numpy(), f"target's {self.split} images, %"))


def confusion(counts: np.ndarray, title: str) -> Figure:
    """Draw the shares of each digit's predictions, of (10, 10) counts: digits by predictions."""
    shares = counts / counts.sum(1, keepdims=True).clip(1)
    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(shares.shape):
        if shares[row, column] >= 0.005:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axis.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", color=colour, size=8)
    axis.set(xticks=range(10), yticks=range(10), xlabel="predicted", ylabel="digit", title=title)
    figure.colorbar(image, shrink=0.8)
    return figure
