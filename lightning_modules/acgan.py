"""The auxiliary classifier GAN (Odena et al. 2017): images with chosen attributes or of a chosen class."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adversaria.config.types import Batch, NonNegative
from lightning_modules.gan import GAN
from lightning_modules.generator import Terms
from lightning_modules.labels import LabelColumns
from lightning_modules.losses import label_loss, predict_labels


class ACGAN(GAN):
    """A GAN whose generator is given labels, and whose discriminator also classifies images by them.

    Generated images have the labels of the batch's real ones, so their joint distribution is that of the data.

    Args:
        label_weight: weight of the label loss against the adversarial one, on both sides.
        label_on_fake: train the discriminator on the labels of generated images too, as in the paper (L_C); if false,
            it learns labels from real images alone.
        options: those of `GAN`. The network must have been built with `labels`.
    """

    label_columns: LabelColumns
    conditional = True
    recordable = True
    logs = {
        "train": "loss_d loss_g r1 r2 gradient_penalty label_loss_d label_loss_g label_accuracy_fake",
        "train val test": "accuracy_real accuracy_fake label_accuracy_real",
    }

    def __init__(self, label_weight: NonNegative = 1.0, label_on_fake: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.labels, self.classes = list(self.network.labels), self.network.classes
        self.label_columns = LabelColumns(self.labels, self.classes)
        self.sizes = self.label_columns.sizes
        self.label_weight, self.label_on_fake = label_weight, label_on_fake

    def labels_of(self, batch: Batch) -> Tensor:
        """Return the labels of the batch that this model is about, (n, k)."""
        return self.label_columns.of(batch)

    def label_terms_d(self, real_logits: Tensor, fake_logits: Tensor, labels: Tensor | None) -> Terms:
        """Return L_C of the paper's section 3, for the discriminator."""
        assert labels is not None
        self.record("train", self.label_metrics(real_logits, labels))
        loss = label_loss(real_logits, labels, self.sizes)
        if self.label_on_fake:
            loss = loss + label_loss(fake_logits, labels, self.sizes)
        return {"label_loss_d": self.label_weight * loss}

    def label_terms_g(self, fake_logits: Tensor, labels: Tensor | None) -> Terms:
        """Return L_C for the generator."""
        assert labels is not None
        self.record("train", {"label_accuracy_fake": self._accuracy(fake_logits, labels)})
        return {"label_loss_g": self.label_weight * label_loss(fake_logits, labels, self.sizes)}

    def label_metrics(self, real_logits: Tensor, labels: Tensor | None) -> Terms:
        """Return the accuracy on the labels of real images."""
        assert labels is not None
        return {"label_accuracy_real": self._accuracy(real_logits, labels)}

    def _accuracy(self, logits: Tensor, labels: Tensor) -> Tensor:
        return (predict_labels(logits, self.sizes) == labels).float().mean()

    @torch.no_grad()
    def recognise(self, image: Tensor) -> Tensor:
        """Return the labels that the discriminator sees in (n, 3, h, w) images, (n, k)."""
        return predict_labels(self.network.discriminator(image)[1], self.sizes)

    def sample(self, count: int, noise: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """Generate `count` images with these labels, (count, k), by default those of `some_labels`."""
        return super().sample(count, noise, self.some_labels(count) if labels is None else labels)

    def some_labels(self, count: int) -> Tensor:
        """Return `count` labels that cycle through all combinations of values, (count, k)."""
        return self.label_columns.cycle(count, self.device)
