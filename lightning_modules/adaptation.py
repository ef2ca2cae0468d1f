"""What the methods of domain adaptation share: a classifier that learns from a labelled source for a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from adversaria.config.labels import label_sizes
from adversaria.config.types import Batch, BatchNorm, Domain, ValueRange
from lightning_modules.adversarial import AdversarialModule, Phase
from lightning_modules.checks import check_network
from lightning_modules.labels import LabelColumns
from lightning_modules.losses import accuracy
from lightning_modules.networks.adaptation import EncoderClassifier
from lightning_modules.networks.batch_norm import batch_statistics, split_statistics, statistics_of
from lightning_modules.schedules import half_cosine
from lightning_modules.target_terms import TargetTerms


class Outputs(NamedTuple):
    """Features (n, d) and logits (n, k) of one domain's images."""

    features: Tensor
    logits: Tensor


class AdaptationModule(AdversarialModule):
    """Base of the methods. Batches are those of `datamodules.pair`; the test accuracy is that on the target.

    Args:
        network: encoder and classifier (`lightning_modules.networks.adaptation`).
        value_range: of the images.
        batch_norm: the statistics in training: `joint`, of both domains in one batch; `separate`, of each domain's
            images; `split`, of each domain's images, and each domain has its own running statistics too.
        cosine: let the learning rates fall to 0 on a half cosine.

    Attributes:
        one_encoder: whether both domains have the same encoder.
    """

    needs_domain_pair = True
    one_encoder = True
    update_keys: tuple[str, ...] = ("update",)
    logs = {"train": "loss_label accuracy", "val": "loss accuracy", "test": "accuracy"}
    of_target_labels = {"test": "accuracy"}

    def __init__(
        self,
        network: EncoderClassifier,
        value_range: ValueRange = (-1.0, 1.0),
        batch_norm: BatchNorm = "joint",
        cosine: bool = True,
    ) -> None:
        super().__init__()
        check_network(network, EncoderClassifier, type(self).__name__)
        self.network, self.labels, self.classes = network, network.labels, network.classes
        self.sizes = label_sizes(self.labels, self.classes)
        self.value_range = (float(value_range[0]), float(value_range[1]))
        self.image_size = network.image_size
        self.batch_norm, self.cosine = batch_norm, cosine
        if batch_norm == "split":
            split_statistics(network)

    def check_data(self, datamodule: Any) -> None:
        """Check also that the data has the label, with the same classes."""
        super().check_data(datamodule)
        LabelColumns(self.labels, self.classes).find(datamodule)

    # -- training
    def count(self, batch: Mapping[str, Tensor]) -> int:
        """Return the number of images in a batch, of both domains in training, over all processes."""
        return sum(len(v) for k, v in batch.items() if k != "labels") * self.trainer.world_size

    def rate(self, phase: Phase) -> float:
        """Return the factor of a phase's learning rate, on a half cosine if so configured."""
        return super().rate(phase) * (half_cosine(self.progress) if self.cosine else 1.0)

    def both(self, source: Tensor, target: Tensor) -> tuple[Outputs, Outputs]:
        """Map images of both domains to features and logits."""
        if self.batch_norm == "joint":
            sizes = [len(source), len(target)]
            features, logits = (part.split(sizes) for part in self.network(torch.cat([source, target])))
            return Outputs(features[0], logits[0]), Outputs(features[1], logits[1])
        return self.outputs(source, "source"), self.outputs(target, "target")

    def outputs(self, image: Tensor, domain: Domain) -> Outputs:
        """Map images of one domain to features and logits."""
        with statistics_of(domain):
            return Outputs(*self.network(image))

    def label_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the cross-entropy, and record it with the accuracy."""
        loss = functional.cross_entropy(logits, labels.long())
        self.record("train", {"loss_label": loss, "accuracy": accuracy(logits, labels)})
        return loss

    def add_terms(self, loss: Tensor, terms: TargetTerms, logits: Tensor, batch: Batch) -> Tensor:
        """Return a loss plus the weighted terms of the logits of a batch's target images, and record the terms."""
        values = terms(logits, batch["target"], lambda image: self.perturbed_logits({**batch, "target": image}))
        self.record("train", {f"target_{name}": value for name, (_, value) in values.items()})
        for weight, value in values.values():
            if weight:  # else no backward pass
                loss = loss + weight * value
        return loss

    def perturbed_logits(self, batch: Batch) -> Tensor:
        """Return the logits of a batch's target images, which leave the running statistics as they are."""
        with batch_statistics(self):
            if self.batch_norm == "joint" and self.one_encoder:
                return self.both(batch["source"], batch["target"])[1].logits
            return self.outputs(batch["target"], "target").logits

    # -- evaluation
    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Record loss and accuracy of held-out images of the labelled domain."""
        logits, labels = self.outputs(batch["image"], "source").logits, batch["labels"][:, 0].long()
        values = {"loss": functional.cross_entropy(logits, labels), "accuracy": accuracy(logits, labels)}
        self.record("val", values, len(labels))

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Record the accuracy on the target's test images with a label; return features and logits for callbacks."""
        outputs, labels = self.outputs(batch["image"], "target"), batch["labels"][:, 0].long()
        known = labels >= 0
        if known.any():
            self.record("test", {"accuracy": accuracy(outputs.logits[known], labels[known])}, int(known.sum()))
        return outputs._asdict()

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the most likely class of images of the target, (n,)."""
        return self.classify(batch["image"]).argmax(1)

    # -- protocols
    @torch.no_grad()
    def features(self, image: Tensor, domain: Domain = "target") -> Tensor:
        """Return the encoder's features, (n, num_features), of images of one domain."""
        return self.outputs(image, domain).features

    @torch.no_grad()
    def classify(self, image: Tensor, domain: Domain = "target") -> Tensor:
        """Return the logits, (n, k), of images of one domain."""
        return self.outputs(image, domain).logits

    def details(self) -> dict[str, Any]:
        """Return the implementation details of the method."""
        return {"batch_norm": self.batch_norm, "lr_schedule": "half_cosine" if self.cosine else "of_the_updates"}
