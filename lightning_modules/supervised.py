"""A classifier of one domain's labelled images: the lower and the upper bound of adaptation."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from adversaria.config.types import Batch, Domain
from lightning_modules.adaptation import AdaptationModule
from lightning_modules.adversarial import OptimizerSettings, Phase


class Supervised(AdaptationModule):
    """Cross-entropy on the labelled domain: the source, or the target itself.

    Args:
        update: how the network is updated.
        labelled: the domain whose labels are trained on; `data.labelled` takes it from here.
        options: those of `AdaptationModule`.
    """

    recordable = True
    logs = {"train": "loss_label accuracy"}

    def __init__(self, update: OptimizerSettings, labelled: Domain, **options: Any) -> None:
        super().__init__(**options)
        self.update, self.labelled = update, labelled

    def phases(self) -> list[Phase]:
        """Return the only update."""
        return [Phase("network", self.network, self.update, self.loss)]

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss on the labelled half of a batch."""
        return self.label_loss(self.outputs(batch["source"], self.labelled).logits, batch["labels"])
