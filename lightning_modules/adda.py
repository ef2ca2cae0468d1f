"""Adversarial discriminative domain adaptation (Tzeng et al. 2017)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from adversaria.config.types import Batch, Domain, FractionBelowOne, NonNegativeInt
from lightning_modules.adaptation import AdaptationModule, Outputs
from lightning_modules.adversarial import OptimizerSettings, Phase
from lightning_modules.checks import check_stages
from lightning_modules.losses import domain_accuracy, domain_loss
from lightning_modules.networks.batch_norm import judged, keep_statistics
from lightning_modules.rebuild import load_network
from lightning_modules.schedules import half_cosine
from lightning_modules.target_terms import TargetTerms


class ADDA(AdaptationModule):
    """First a classifier of the source; then an encoder of the target whose features cannot be told from the source's.

    The target's encoder starts from the source's and is trained with flipped domain labels; the classifier is shared.

    Args:
        pretraining: how encoder and classifier are updated in the first epochs.
        update: how the target's encoder is updated then.
        discriminator_update: how the discriminator is updated, before it.
        domain_discriminator: factory of the domain discriminator, given the length of the features.
        pretrain_epochs: epochs on the source alone.
        source_checkpoint: a run or checkpoint of `source_only` with the same network, in the place of pretraining.
        gate: update the encoder only while the discriminator's accuracy is above this value; null for always.
        target_terms: losses on the target's predictions, which its encoder minimises too.
        options: those of `AdaptationModule`.
    """

    update_keys = ("pretraining", "update", "discriminator_update")
    saved_attributes = (*AdaptationModule.saved_attributes, "discriminator_accuracy")
    recordable = True
    one_encoder = False
    logs = {"train": "loss_label accuracy loss_domain accuracy_domain loss_encoder gate target_*"}

    def __init__(
        self,
        pretraining: OptimizerSettings,
        update: OptimizerSettings,
        discriminator_update: OptimizerSettings,
        domain_discriminator: Callable[[int], nn.Module],
        pretrain_epochs: NonNegativeInt = 5,
        source_checkpoint: str | None = None,
        gate: FractionBelowOne | None = None,
        target_terms: TargetTerms = TargetTerms(entropy=1.0),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.target_encoder = copy.deepcopy(self.network.encoder)
        self.discriminator = domain_discriminator(self.network.num_features)
        self.updates = pretraining, discriminator_update, update
        self.pretrain_epochs = 0 if source_checkpoint else pretrain_epochs
        self.source_checkpoint, self.gate, self.target_terms = source_checkpoint, gate, target_terms
        self.discriminator_accuracy = 1.0  # what the gate compares
        self.recordable = self.recordable and gate is None  # the gate reads a value from the device in each step

    @property
    def pretrain_iterations(self) -> int:
        """Iterations on the source alone."""
        return self.pretrain_epochs * int(self.trainer.num_training_batches)

    def adapting(self) -> bool:
        """Whether this iteration is past the pretraining."""
        return self.iteration >= self.pretrain_iterations

    def phases(self) -> list[Phase]:
        """Return the network's updates in pretraining, then the discriminator's and the target encoder's."""
        pretraining, discriminator, encoder = self.updates
        return [
            Phase("network", self.network, pretraining, self.source_loss, ready=lambda: not self.adapting()),
            Phase("discriminator", self.discriminator, discriminator, self.discriminator_loss, ready=self.adapting),
            Phase("target_encoder", self.target_encoder, encoder, self.encoder_loss, ready=self._encoder_ready),
        ]

    def rate(self, phase: Phase) -> float:
        """Follow a half cosine in each stage."""
        end = (self.trainer.max_epochs or 1) * int(self.trainer.num_training_batches)
        start, end = (self.pretrain_iterations, end) if self.adapting() else (0, self.pretrain_iterations)
        share = (self.iteration - start) / max(1, end - start)
        return phase.update.rate(self.iteration - start) * (half_cosine(share) if self.cosine else 1.0)

    def source_loss(self, batch: Batch) -> Tensor:
        """Return the label loss on the source."""
        return self.label_loss(self.network(batch["source"])[1], batch["labels"])

    def discriminator_loss(self, batch: Batch) -> Tensor:
        """Return the discriminator's loss on features made without gradients."""
        keep_statistics(self.network)  # they belong to what the classifier has learnt
        with torch.no_grad():
            inputs = self.network.encoder(batch["source"]), self.target_encoder(batch["target"])
        logits = judged(self.discriminator, *inputs)
        loss, accuracy = domain_loss(*logits), domain_accuracy(*logits)
        self.record("train", {"loss_domain": loss, "accuracy_domain": accuracy})
        if self.gate is not None:  # all processes must open the gate together
            self.discriminator_accuracy = float(self.trainer.strategy.reduce(accuracy, reduce_op="mean"))
        return loss

    def encoder_loss(self, batch: Batch) -> Tensor:
        """Return minus the log-likelihood that the features are the source's (equation 9), plus the terms."""
        keep_statistics(self.network)
        features = self.target_encoder(batch["target"])
        loss = nn.functional.softplus(-self.discriminator(features)).mean()
        self.record("train", {"loss_encoder": loss})
        return self.add_terms(loss, self.target_terms, self.network.classifier(features).float(), batch)

    def _encoder_ready(self) -> bool:
        if not self.adapting():
            return False
        opened = self.gate is None or self.discriminator_accuracy > self.gate
        self.record("train", {"gate": float(opened)})
        return opened

    def check_trainer(self, trainer: pl.Trainer) -> None:
        """Check also that epochs are left for the adaptation, and that its discriminator can see means."""
        super().check_trainer(trainer)
        check_stages(self.pretrain_epochs, self.discriminator, trainer)

    def on_fit_start(self) -> None:
        """Take the source's classifier from its checkpoint, if there is one; the target's encoder starts from it."""
        if self.iteration:
            return
        if self.source_checkpoint is not None:
            load_network(self.network, self.source_checkpoint, "model.source_checkpoint")
        # `init_from` brings no encoder of the target either, unless it is a run of ADDA
        if any(name.startswith("target_encoder.") for name in self.started_from.get("init_new", ["target_encoder."])):
            self.target_encoder.load_state_dict(self.network.encoder.state_dict())

    def on_validation_start(self) -> None:
        """Let the target's encoder follow the source's while that is trained."""
        fitting = self.trainer.state.fn == "fit" and not self.trainer.sanity_checking
        if fitting and self.iteration <= self.pretrain_iterations:
            self.target_encoder.load_state_dict(self.network.encoder.state_dict())

    on_train_epoch_end = on_validation_start  # where there is no validation

    def outputs(self, image: Tensor, domain: Domain) -> Outputs:
        """Map images of one domain to features, by its own encoder, and to logits."""
        features = (self.network.encoder if domain == "source" else self.target_encoder)(image)
        return Outputs(features, self.network.classifier(features).float())
