"""Minimum class confusion (Jin et al. 2020)."""

from __future__ import annotations

from typing import Any

from adversaria.config.types import BatchNorm
from lightning_modules.adversarial import OptimizerSettings
from lightning_modules.supervised import Supervised
from lightning_modules.target_terms import TargetTerms


class MCC(Supervised):
    """A classifier of the source whose predictions on the target shall confuse no class with another.

    Args:
        update: how the network is updated.
        target_terms: losses on the target's predictions: class confusion, and others that may be added.
        batch_norm: see `AdaptationModule`.
        options: the others of `Supervised` and `AdaptationModule`.
    """

    recordable = True
    logs = {"train": "loss_label accuracy target_*"}

    def __init__(
        self,
        update: OptimizerSettings,
        target_terms: TargetTerms = TargetTerms(mcc=1.0),
        batch_norm: BatchNorm = "split",
        **options: Any,
    ) -> None:
        super().__init__(update, target_terms=target_terms, batch_norm=batch_norm, **options)
