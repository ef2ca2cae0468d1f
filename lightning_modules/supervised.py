"""A classifier of one domain's labelled images: the lower and the upper bound of adaptation."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from adversaria.config.errors import ConfigError
from adversaria.config.types import Batch, Domain
from lightning_modules.adaptation import AdaptationModule
from lightning_modules.adversarial import OptimizerSettings, Phase
from lightning_modules.target_terms import TargetTerms


class Supervised(AdaptationModule):
    """Cross-entropy on the labelled domain: the source, or the target itself.

    Args:
        update: how the network is updated.
        labelled: the domain whose labels are trained on; `data.labelled` takes it from here.
        target_terms: losses on the target's predictions. Without any, its images give nothing but its statistics of
            batch norm where these are split (AdaBN, Li et al. 2016).
        options: those of `AdaptationModule`.
    """

    recordable = True
    logs = {"train": "loss_label accuracy target_*"}

    def __init__(
        self,
        update: OptimizerSettings,
        labelled: Domain,
        target_terms: TargetTerms = TargetTerms(),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if target_terms and labelled == "target":
            raise ConfigError(
                "model.target_terms: with labels of the target there is nothing to adapt; leave them at 0"
            )
        self.update, self.labelled, self.target_terms = update, labelled, target_terms

    def check_trainer(self, trainer: pl.Trainer) -> None:
        """Check also that statistics which are split are learnt.

        Raises:
            ConfigError: those of the source are not.
        """
        super().check_trainer(trainer)
        if self.batch_norm == "split" and self.labelled == "target":
            raise ConfigError(
                "model.batch_norm=split: with labels of the target no image of the source is seen, so it would have no "
                "statistics; leave it at joint"
            )

    def phases(self) -> list[Phase]:
        """Return the only update."""
        return [Phase("network", self.network, self.update, self.loss)]

    def loss(self, batch: Batch) -> Tensor:
        """Return the loss on the labelled half of a batch, plus the terms of the other half."""
        if self.target_terms:
            source, target = self.both(batch["source"], batch["target"])
            return self.add_terms(
                self.label_loss(source.logits, batch["labels"]), self.target_terms, target.logits, batch
            )
        if self.batch_norm == "split":
            with torch.no_grad():
                self.outputs(batch["target"], "target")
        return self.label_loss(self.outputs(batch["source"], self.labelled).logits, batch["labels"])
