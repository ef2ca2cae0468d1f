from collections.abc import Callable
from typing import Any

import pytest
import torch

from callbacks.metrics.classifier import ClassifierReport


def test_an_attribute_that_all_or_no_test_images_have_gets_no_average_precision(
    trainer_on: Callable[..., Any], unconditional: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = torch.tensor([[1, 0, 1], [1, 0, 0], [1, 0, 1], [1, 0, 0]])
    trainer = trainer_on(labels.tolist())
    trainer.datamodule.attributes = unconditional.labels = ["Male", "Bald", "Smiling"]
    unconditional.sizes, unconditional.classes = [2, 2, 2], {}
    logits = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0], [0.0, 0.0, 2.0], [0.0, 0.0, -2.0]])
    monkeypatch.setattr(ClassifierReport, "take_outputs", lambda *_: {"labels": labels, "logits": logits})
    ClassifierReport().on_test_epoch_end(trainer, unconditional)
    assert unconditional.recorded == {"test/average_precision/Smiling": 1.0}
