"""Saves a trained classifier; generated images are compared by its features."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from adversaria.measures import kept_classifiers
from callbacks.base import ModelCallback, datamodule_of
from lightning_modules.protocols import Classifier

log = logging.getLogger(__name__)


class KeepClassifier(ModelCallback):
    """Keep the trained classifier and its test accuracy in the cache, for `metrics=classifier`.

    One of the same labels and data that is as accurate stays, so that what it has measured stays comparable. One that
    was tested on a part of the test images replaces none, because its accuracy cannot be compared.
    """

    needs = Classifier

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Copy the checkpoint of the tested weights."""
        saved = Path(trainer.ckpt_path or Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt")
        if not trainer.is_global_zero or not saved.exists():
            return
        loader: Any = trainer.test_dataloaders
        whole = sum(trainer.num_test_batches) >= len(loader)
        accuracies = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("test/accuracy")}
        better = kept_classifiers.keep(saved, datamodule_of(trainer), pl_module.labels, accuracies, whole)
        if better is not None:
            log.info(
                "generators are measured by %s as before: its accuracy is %.4f, that of this classifier %.4f; remove "
                "that file to use this one",
                *(better.file, better.accuracy, accuracies[kept_classifiers.ACCURACY]),
            )
