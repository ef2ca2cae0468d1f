"""Saves a trained classifier; FID and KID are computed on its features."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from adversaria.measures.extractors import classifier_file
from callbacks.base import ModelCallback, datamodule_of
from lightning_modules.protocols import Classifier


class KeepClassifier(ModelCallback):
    """Keep the trained classifier and its test accuracy in the cache, for `metrics=classifier`."""

    needs = Classifier

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Copy the checkpoint of the tested weights."""
        saved = Path(trainer.ckpt_path or Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt")
        if not trainer.is_global_zero or not saved.exists():
            return
        file = classifier_file(datamodule_of(trainer))
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(saved, file.with_suffix(".part"))
        accuracy = {k: float(v) for k, v in trainer.callback_metrics.items() if k.startswith("test/accuracy")}
        file.with_suffix(".json").write_text(json.dumps(accuracy, indent=2) + "\n", encoding="utf-8")
        file.with_suffix(".part").replace(file)
