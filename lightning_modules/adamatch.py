"""Self-training with strong augmentation: AdaMatch (Berthelot et al. 2022)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.nn import functional

from adversaria.config.errors import ConfigError
from adversaria.config.types import Batch, BatchNorm, Domain, FractionBelowOne, NonNegative
from datamodules.augmentation import Augmentation
from lightning_modules.adaptation import AdaptationModule, Outputs
from lightning_modules.adversarial import OptimizerSettings, Phase
from lightning_modules.ema import ExponentialAverage
from lightning_modules.networks.batch_norm import batch_statistics, statistics_of
from lightning_modules.schedules import half_cosine


class AdaMatch(AdaptationModule):
    """Train on strongly augmented target images with pseudo-labels from weakly augmented ones.

    The weakly augmented images are those of the batch, as the data augments them. The predictions on the target are
    first aligned with the distribution of those on the source. A pseudo-label counts where the network's confidence is
    at least `threshold` times its mean confidence on the source. An average of the weights is what is evaluated.

    Args:
        update: how the network is updated.
        strong: the strong augmentation.
        strong_source: train on strongly augmented source images too, as in the paper. Not needed where the data
            augments the source strongly.
        threshold: confidence above which a pseudo-label counts, relative to the mean confidence on the source (τ).
        weight: final weight of the target's loss (μ). It rises on a half cosine over the first half of the training.
        interpolation: mix the source's logits at random with those of a forward pass without the target; with
            `batch_norm=joint` only.
        ema: factory of the network's average; null for none.
        batch_norm: see `AdaptationModule`.
        options: the others of `AdaptationModule`.
    """

    recordable = True
    averaged = "network"
    logs = {"train": "loss_label accuracy loss_target pseudo_label_rate"}

    def __init__(
        self,
        update: OptimizerSettings,
        strong: Augmentation,
        strong_source: bool = False,
        threshold: FractionBelowOne = 0.9,
        weight: NonNegative = 1.0,
        interpolation: bool = False,
        ema: Callable[..., ExponentialAverage] | None = ExponentialAverage,
        batch_norm: BatchNorm = "split",
        **options: Any,
    ) -> None:
        super().__init__(batch_norm=batch_norm, **options)
        self.update, self.strong, self.strong_source = update, strong, strong_source
        self.threshold, self.weight, self.interpolation = threshold, weight, interpolation
        self.ema = ema(self.network) if ema is not None else None
        count = self.network.num_classes
        self.register_buffer("priors", torch.full((2, count), 1 / count))  # mean predictions on source and target

    priors: Tensor

    def check_trainer(self, trainer: pl.Trainer) -> None:
        """Check also that the interpolation has something to mix.

        Raises:
            ConfigError: it has not.
        """
        super().check_trainer(trainer)
        if self.interpolation and self.batch_norm != "joint":
            raise ConfigError(
                f"model.interpolation=true: with model.batch_norm={self.batch_norm} the target does not change the "
                "source's logits, so there is nothing to mix; add model.batch_norm=joint"
            )

    def phases(self) -> list[Phase]:
        """Return the only update."""
        return [Phase("network", self.network, self.update, self.loss)]

    @property
    def strength(self) -> float:
        """μ in this iteration (section 3.5 of the paper)."""
        return self.weight * (1 - half_cosine(min(1.0, 2 * self.progress)))

    def loss(self, batch: Batch) -> Tensor:
        """Return the label loss on the source plus that on strongly augmented target images with pseudo-labels."""
        source, labels, size = batch["source"], batch["labels"], len(batch["source"])
        if self.strong_source:
            source, labels = torch.cat([source, self._strong(source)]), labels.repeat(2)
        target = torch.cat([batch["target"], self._strong(batch["target"])])
        own, other = self.both(source, target)
        logits = own.logits
        if self.interpolation:
            with batch_statistics(self.network):
                alone = self.outputs(source, "source").logits
            logits = torch.lerp(alone, logits, torch.rand_like(logits))
        pseudo, mask = self.pseudo_labels(logits[:size].detach(), other.logits[:size].detach())
        loss = self.label_loss(logits, labels)
        target_loss = (functional.cross_entropy(other.logits[size:], pseudo, reduction="none") * mask).mean()
        self.record("train", {"loss_target": target_loss, "pseudo_label_rate": mask.mean()})
        return loss + self.dynamic_scalar(lambda: self.strength) * target_loss

    @torch.no_grad()
    def pseudo_labels(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return a pseudo-label for each target image, (n,), and whether it counts, 0 or 1; from (n, k) logits."""
        sure, guess = source.softmax(1), target.softmax(1)
        self.priors.lerp_(torch.stack([sure.mean(0), guess.mean(0)]), 0.01)
        aligned = guess * self.priors[0] / self.priors[1]
        confidence, labels = (aligned / aligned.sum(1, keepdim=True)).max(1)
        return labels, (confidence >= self.threshold * sure.max(1).values.mean()).float()

    def _strong(self, image: Tensor) -> Tensor:
        low, high = self.value_range
        return self.strong((image - low) / (high - low)) * (high - low) + low

    def end_iteration(self, batch: Batch) -> None:
        """Update the average of the weights."""
        if self.ema is not None:
            self.ema.update(self.network, new=self.count(batch), seen=self.images)

    def outputs(self, image: Tensor, domain: Domain) -> Outputs:
        """Map images of one domain to features and logits; outside of training, by the average."""
        network = self.network if self.ema is None or self.network.training else self.ema.network
        with statistics_of(domain):
            return Outputs(*network(image))
