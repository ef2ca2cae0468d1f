"""A classifier of attributes or of digits. Its features and accuracy also measure generators."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adversaria.config.types import Batch, ValueRange
from lightning_modules.base import OptimizerFactory
from lightning_modules.checks import check_network
from lightning_modules.labels import LabelColumns
from lightning_modules.losses import label_loss, predict_labels
from lightning_modules.networks.classifier import ConvClassifier
from lightning_modules.schedules import half_cosine
from lightning_modules.single_optimizer import SingleOptimizerModule


class Classifier(SingleOptimizerModule):
    """Cross-entropy of each label, binary or not, mean over labels; the learning rate falls to 0 on a half cosine.

    Args:
        network: the network (`lightning_modules.networks.classifier`).
        optimizer: factory of the optimizer, given the parameters.
        value_range: of the images.
    """

    network: ConvClassifier
    label_columns: LabelColumns
    recordable = True
    logs = {"train val": "loss accuracy", "test": "loss accuracy accuracy/LABEL"}

    def __init__(
        self,
        network: ConvClassifier,
        optimizer: OptimizerFactory,
        value_range: ValueRange = (-1.0, 1.0),
    ) -> None:
        check_network(network, ConvClassifier, "Classifier")
        super().__init__(network, optimizer)
        self.value_range = (float(value_range[0]), float(value_range[1]))
        self.labels, self.classes = list(network.labels), network.classes
        self.label_columns = LabelColumns(self.labels, self.classes)
        self.sizes = self.label_columns.sizes

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Follow the half cosine."""
        self.scale_learning_rate(self.trainer.optimizers[0], half_cosine(self.progress))

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss of a batch."""
        return self._step("train", batch)["loss"]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Record loss and accuracy."""
        self._step("val", batch)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Record loss and accuracy, also of each label; return the logits for callbacks."""
        return {"logits": self._step("test", batch)["logits"]}

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the most likely value of each label, (n, k)."""
        return predict_labels(self.network(batch["image"]), self.sizes)

    def _step(self, stage: str, batch: Batch) -> dict[str, Tensor]:
        labels = self.label_columns.of(batch)
        logits = self.network(batch["image"])
        right = (predict_labels(logits, self.sizes) == labels).float().mean(0)
        values = {"loss": label_loss(logits, labels, self.sizes), "accuracy": right.mean()}
        if stage == "test" and len(self.labels) > 1:
            values |= {f"accuracy/{name}": right[i] for i, name in enumerate(self.labels)}
        self.record(stage, values, len(labels))
        return {**values, "logits": logits}

    # -- protocols
    @torch.no_grad()
    def features(self, image: Tensor) -> Tensor:
        """Return the features before the last layer, (n, num_features)."""
        features: Tensor = self.network.encoder(image)
        return features

    @torch.no_grad()
    def classify(self, image: Tensor) -> Tensor:
        """Return the logits of all labels; `lightning_modules.losses.predict_labels` turns them into values."""
        logits: Tensor = self.network(image)
        return logits

    def details(self) -> dict[str, Any]:
        """Return the implementation details of the method."""
        return {"loss": "cross_entropy", "labels": self.labels}
