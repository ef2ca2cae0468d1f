"""Domain-adversarial training (Ganin et al. 2016), with gradient reversal or in turn; CDAN (Long et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from adversaria.config.types import Batch, BatchNorm, NonNegative
from lightning_modules.adaptation import AdaptationModule, Outputs
from lightning_modules.adversarial import OptimizerSettings, Phase
from lightning_modules.losses import domain_accuracy, domain_loss, entropy
from lightning_modules.networks.adaptation import reverse_gradient
from lightning_modules.networks.batch_norm import judged
from lightning_modules.schedules import dann_ramp
from lightning_modules.target_terms import TargetTerms


class DANN(AdaptationModule):
    """The encoder learns features by which classes can be told apart, and domains cannot.

    Args:
        update: how the network is updated; with gradient reversal, the discriminator too.
        domain_discriminator: factory of the domain discriminator, given the length of its inputs.
        discriminator_update: how the discriminator is updated in turn with the network, and before it. The network then
            minimises the domain loss with flipped labels (report A). Null for gradient reversal.
        weight: final weight of the domain loss for the encoder, λ of the paper.
        gamma: how fast λ rises with the training's progress p: λ = weight · (2 / (1 + exp(-γ p)) - 1). 0: the full
            weight from the first iteration.
        conditional: give the discriminator the outer product of features and predictions (CDAN).
        entropy_conditioning: weight images with 1 + exp(-entropy) in the domain loss (CDAN+E).
        target_terms: losses on the target's predictions.
        batch_norm: see `AdaptationModule`.
        options: the others of `AdaptationModule`.
    """

    recordable = True
    logs = {"train": "loss_label accuracy loss_domain accuracy_domain loss_confusion lambda target_*"}

    def __init__(
        self,
        update: OptimizerSettings,
        domain_discriminator: Callable[[int], nn.Module],
        discriminator_update: OptimizerSettings | None = None,
        weight: NonNegative = 0.1,
        gamma: NonNegative = 10.0,
        conditional: bool = False,
        entropy_conditioning: bool = False,
        target_terms: TargetTerms = TargetTerms(entropy=0.1),
        batch_norm: BatchNorm = "split",
        **options: Any,
    ) -> None:
        super().__init__(batch_norm=batch_norm, **options)
        self.discriminator = domain_discriminator(
            self.network.num_features * (self.network.num_classes if conditional else 1)
        )
        self.update, self.discriminator_update = update, discriminator_update
        self.weight, self.gamma, self.target_terms = weight, gamma, target_terms
        self.conditional, self.entropy_conditioning = conditional, entropy_conditioning

    def phases(self) -> list[Phase]:
        """Return one update of network and discriminator, or the discriminator's and the network's in turn."""
        if self.discriminator_update is None:
            return [Phase("network", self, self.update, self.reversal_loss)]
        return [
            Phase("discriminator", self.discriminator, self.discriminator_update, self.discriminator_loss),
            Phase("network", self.network, self.update, self.confusion_loss),
        ]

    @property
    def strength(self) -> float:
        """λ in this iteration."""
        return self.weight * dann_ramp(self.progress, self.gamma)

    # -- with gradient reversal
    def reversal_loss(self, batch: Batch) -> Tensor:
        """Return the label loss plus the domain loss, whose gradient is reversed on its way to the encoder."""
        source, target = self.both(batch["source"], batch["target"])
        return self.adversarial_loss(source, target, batch)

    def adversarial_loss(self, source: Outputs, target: Outputs, batch: Batch) -> Tensor:
        """Return the same from the network's outputs for a batch (Ganin et al. 2016, equations 9 and 17)."""
        strength = self.dynamic_scalar(lambda: self.strength)
        self.record("train", {"lambda": strength})
        reversed_ = [side._replace(features=reverse_gradient(side.features, strength)) for side in (source, target)]
        domain = self.domain_loss(*reversed_)
        return self.classifier_loss(source, target, batch) + domain

    # -- in turn
    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return the domain loss on features that are computed without gradients."""
        with torch.no_grad():
            source, target = self.both(batch["source"], batch["target"])
        return self.domain_loss(source, target)

    def confusion_loss(self, batch: Batch) -> Tensor:
        """Return the label loss plus the domain loss with flipped domain labels."""
        source, target = self.both(batch["source"], batch["target"])
        logits = judged(self.discriminator, self.inputs(source), self.inputs(target))
        confusion = domain_loss(*(-of_domain for of_domain in logits), *self.image_weights(source, target))
        strength = self.dynamic_scalar(lambda: self.strength)
        self.record("train", {"loss_confusion": confusion, "lambda": strength})
        return self.classifier_loss(source, target, batch) + strength * confusion

    # -- the parts of both
    def domain_loss(self, source: Outputs, target: Outputs) -> Tensor:
        """Return the discriminator's cross-entropy on both domains."""
        logits = judged(self.discriminator, self.inputs(source), self.inputs(target))
        loss = domain_loss(*logits, *self.image_weights(source, target))
        self.record("train", {"loss_domain": loss, "accuracy_domain": domain_accuracy(*logits)})
        return loss

    def image_weights(self, *sides: Outputs) -> list[Tensor]:
        """Return the weights of each domain's images in the domain loss; none where they are equal."""
        if not self.entropy_conditioning:
            return []
        return [1 + torch.exp(-entropy(side.logits.detach())) for side in sides]

    def inputs(self, side: Outputs) -> Tensor:
        """Return what the discriminator is given of one domain: features, or their outer product with predictions."""
        if not self.conditional:
            return side.features
        # Long et al. 2018, equation 5; without a gradient to the predictions, as in the authors' code
        return (side.logits.softmax(1).detach()[:, :, None] * side.features[:, None]).flatten(1)

    def classifier_loss(self, source: Outputs, target: Outputs, batch: Batch) -> Tensor:
        """Return the label loss on the source plus the terms of the target's predictions."""
        loss = self.label_loss(source.logits, batch["labels"])
        return self.add_terms(loss, self.target_terms, target.logits, batch)
