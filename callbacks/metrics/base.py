"""Bases of the callbacks that add test metrics."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from adversaria.config.types import Split
from callbacks.base import ModelCallback, datamodule_of


class TestMetricCallback(ModelCallback):
    """A callback that adds test metrics. evaluate.py runs the callbacks of this kind, and no others.

    Attributes:
        split: the split of the images that it reads itself. (Test batches are of the data module's `test_split`.)
    """

    split: Split = "test"


class StepOutputCallback(TestMetricCallback):
    """A test metric of what the model's `test_step` returns, a dictionary of (n, …) tensors for each batch.

    So the test images need not pass through the network a second time.

    Attributes:
        outputs: the keys that the metric is computed from.
    """

    outputs: tuple[str, ...] = ("logits",)

    def __init__(self) -> None:
        self._outputs: list[dict[str, Tensor]] = []

    def on_test_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Keep the outputs, and the labels of the batch as `labels`."""
        if isinstance(outputs, dict) and outputs.keys() >= set(self.outputs):
            kept = {key: outputs[key].float().cpu() for key in self.outputs}
            self._outputs.append(kept | {"labels": batch["labels"].cpu()})

    def take_outputs(self, trainer: pl.Trainer) -> dict[str, Tensor] | None:
        """Return the outputs of all images of `split`, in their order and on the CPU, and forget them.

        None where this process did not test all of them: another split, a limited test, several processes. None too
        under mixed precision, which would compare half precision here with float32 in what callbacks compute.
        """
        outputs, self._outputs = self._outputs, []
        if not outputs or trainer.world_size > 1 or trainer.precision != "32-true":
            return None
        loader: Any = trainer.test_dataloaders
        if self.split != datamodule_of(trainer).test_split or len(outputs) != len(loader):
            return None
        return {key: torch.cat([batch[key] for batch in outputs]) for key in outputs[0]}
