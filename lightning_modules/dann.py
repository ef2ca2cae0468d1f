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
from lightning_modules.schedules import dann_ramp


class DANN(AdaptationModule):
    """The encoder learns features that tell digits apart, but not domains.

    Args:
        update: how the network is updated; with gradient reversal, the discriminator too.
        domain_discriminator: factory of the domain discriminator, given the length of its inputs.
        discriminator_update: how the discriminator is updated in a turn of its own, before the network's, which then
            has the labels of the domains flipped (report A); null for gradient reversal.
        weight: of the domain loss for the encoder, λ of the paper, once risen.
        gamma: how fast λ rises with the training's progress, 2 / (1 + exp(-γ p)) - 1; 0 for at once.
        conditional: let the discriminator see the outer product of features and predictions (CDAN).
        entropy_conditioning: weigh images by 1 + exp(-entropy) in the domain loss (CDAN+E).
        entropy: weight of the entropy of the target's predictions, which is minimised.
        batch_norm: see `AdaptationModule`.
        options: the others of `AdaptationModule`.
    """

    recordable = True

    def __init__(
        self,
        update: OptimizerSettings,
        domain_discriminator: Callable[[int], nn.Module],
        discriminator_update: OptimizerSettings | None = None,
        weight: NonNegative = 0.1,
        gamma: NonNegative = 10.0,
        conditional: bool = False,
        entropy_conditioning: bool = False,
        entropy: NonNegative = 0.1,
        batch_norm: BatchNorm = "split",
        **options: Any,
    ) -> None:
        super().__init__(batch_norm=batch_norm, **options)
        self.discriminator = domain_discriminator(self.network.num_features * (10 if conditional else 1))
        self.update, self.discriminator_update = update, discriminator_update
        self.weight, self.gamma, self.entropy = weight, gamma, entropy
        self.conditional, self.entropy_conditioning = conditional, entropy_conditioning

    @property
    def strength(self) -> float:
        """λ now."""
        return self.weight * dann_ramp(self.progress, self.gamma)

    def phases(self) -> list[Phase]:
        """Return one turn of everything, or the discriminator's and the network's."""
        if self.discriminator_update is None:
            return [Phase("network", self, self.update, self.reversal_loss)]
        return [
            Phase("discriminator", self.discriminator, self.discriminator_update, self.discriminator_loss),
            Phase("network", self.network, self.update, self.confusion_loss),
        ]

    def reversal_loss(self, batch: Batch) -> Tensor:
        """Return the label loss plus the domain loss, whose gradient is reversed on its way to the encoder."""
        return self.adversarial_loss(*self.both(batch["source"], batch["target"]), batch)

    def adversarial_loss(self, source: Outputs, target: Outputs, batch: Batch) -> Tensor:
        """Return the same, of what the network makes of the batch."""
        strength = self.dynamic_scalar(lambda: self.strength)
        self.record("train", {"lambda": strength})
        domain = self._domain_loss(source, target, strength)
        return self._supervised(source, target, batch) + domain

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return the discriminator's loss on features made without gradients."""
        with torch.no_grad():
            source, target = self.both(batch["source"], batch["target"])
        return self._domain_loss(source, target)

    def confusion_loss(self, batch: Batch) -> Tensor:
        """Return the label loss plus the domain loss with flipped labels."""
        source, target = self.both(batch["source"], batch["target"])
        logits = (self.discriminator(self.inputs(side)) for side in (source, target))
        confusion = domain_loss(*(-value for value in logits))
        strength = self.dynamic_scalar(lambda: self.strength)
        self.record("train", {"loss_confusion": confusion, "lambda": strength})
        return self._supervised(source, target, batch) + strength * confusion

    def inputs(self, side: Outputs, reversal: float | Tensor | None = None) -> Tensor:
        """Return what the discriminator sees of one domain; the gradient to the features times -reversal."""
        features = side.features if reversal is None else reverse_gradient(side.features, reversal)
        if not self.conditional:
            return features
        # Long et al. 2018, equation 5; the predictions are given, as in the authors' code
        return (side.logits.softmax(1).detach()[:, :, None] * features[:, None]).flatten(1)

    def _domain_loss(self, source: Outputs, target: Outputs, reversal: float | Tensor | None = None) -> Tensor:
        logits = [self.discriminator(self.inputs(side, reversal)) for side in (source, target)]
        weights: list[Tensor | None] = [None, None]
        if self.entropy_conditioning:
            weights = [1 + torch.exp(-entropy(side.logits.detach())) for side in (source, target)]
        loss = domain_loss(*logits, *weights)
        self.record("train", {"loss_domain": loss, "accuracy_domain": domain_accuracy(*logits)})
        return loss

    def _supervised(self, source: Outputs, target: Outputs, batch: Batch) -> Tensor:
        loss = self.label_loss(source.logits, batch["labels"])
        uncertainty = entropy(target.logits).mean()
        self.record("train", {"entropy_target": uncertainty})
        return loss + self.entropy * uncertainty if self.entropy else loss  # no way back for a weight of 0
