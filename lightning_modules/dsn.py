"""Domain separation networks (Bousmalis et al. 2016)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from adversaria.config.errors import ConfigError
from adversaria.config.types import Batch, NonNegative
from lightning_modules.adaptation import Outputs
from lightning_modules.dann import DANN
from lightning_modules.losses import difference_loss, scale_invariant_mse
from lightning_modules.target_terms import TargetTerms


class DSN(DANN):
    """DANN on shared features. Each domain also has private features; both together must reconstruct the image.

    Args:
        decoder: factory of the decoder, given the length of its inputs and the images' side.
        reconstruction: weight of the reconstructions' scale-invariant error, α of the paper.
        difference: weight of the overlap of private and shared features, β.
        weight: final weight of the domain loss for the encoder, γ.
        target_terms: losses on the target's predictions.
        options: the others of `DANN`; gradient reversal only.
    """

    recordable = True
    logs = {
        "train": "loss_label accuracy loss_domain accuracy_domain lambda target_* loss_reconstruction_source "
        "loss_reconstruction_target loss_difference_source loss_difference_target"
    }

    def __init__(
        self,
        decoder: Callable[[int], nn.Module],
        reconstruction: NonNegative = 0.01,
        difference: NonNegative = 0.05,
        weight: NonNegative = 0.25,
        target_terms: TargetTerms = TargetTerms(),
        **options: Any,
    ) -> None:
        super().__init__(weight=weight, target_terms=target_terms, **options)
        if self.discriminator_update is not None:
            raise ConfigError("model.discriminator_update: DSN reverses the gradient; leave it null")
        self.private = nn.ModuleDict({domain: _fresh(self.network.encoder) for domain in ("source", "target")})
        self.decoder = decoder(self.network.num_features)
        self.reconstruction, self.difference = reconstruction, difference

    def reversal_loss(self, batch: Batch) -> Tensor:
        """Return DANN's loss plus the reconstruction and difference losses of both domains."""
        source, target = self.both(batch["source"], batch["target"])
        loss = self.adversarial_loss(source, target, batch)
        for domain, side in (("source", source), ("target", target)):
            loss = loss + self._separation_loss(batch[domain], domain, side)
        return loss

    def _separation_loss(self, image: Tensor, domain: str, shared: Outputs) -> Tensor:
        private = self.private[domain](image)
        rebuilt = scale_invariant_mse(self.decoder(private + shared.features), image)
        overlap = difference_loss(private, shared.features)
        self.record("train", {f"loss_reconstruction_{domain}": rebuilt, f"loss_difference_{domain}": overlap})
        return self.reconstruction * rebuilt + self.difference * overlap


def _fresh(network: nn.Module) -> nn.Module:
    """Return a copy with newly initialised weights."""
    fresh = copy.deepcopy(network)
    for layer in fresh.modules():
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()  # type: ignore[operator]
    return fresh
