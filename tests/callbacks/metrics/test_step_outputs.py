"""Reports of the test are computed from what the test step returned: test images pass through the network once."""

import json
import types
from pathlib import Path
from typing import Any

import pytest
import torch

from adversaria.tools import train
from callbacks.metrics import target
from callbacks.metrics.base import StepOutputCallback
from callbacks.metrics.classifier import ClassifierReport

SHORT = [
    *("trainer.max_epochs=1", "trainer.limit_train_batches=2", "trainer.accelerator=cpu", "callbacks.curves=null"),
    *("trainer.enable_progress_bar=false", "model.network.width=4", "data.batch_size=50"),
]
RUNS = {
    "classifier": ["model=classifier", "data=digits"],
    "dann": ["model=dann", "data=digits_mnist5k", "data.image_size=16", "callbacks.tsne=null", "callbacks.oracle=null"],
}


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the reports let the network predict themselves."""
    found: list[str] = []
    predict_domain, predicted = target.predict_domain, ClassifierReport._predicted

    def of_domain(module: Any, data: Any, domain: Any, split: Any) -> Any:
        found.append(domain)
        return predict_domain(module, data, domain, split)

    def of_classifier(callback: Any, module: Any, data: Any) -> Any:
        found.append("classifier")
        return predicted(callback, module, data)

    monkeypatch.setattr(target, "predict_domain", of_domain)
    monkeypatch.setattr(ClassifierReport, "_predicted", of_classifier)
    return found


@pytest.mark.parametrize(("kind", "own"), [("classifier", []), ("dann", ["source"])])
def test_a_tested_split_is_not_predicted_again_and_the_values_are_the_same(
    kind: str, own: list[str], compose: Any, tmp_path: Path, passes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def metrics(name: str) -> dict[str, float]:
        (tmp_path / name).mkdir()
        config = compose(*RUNS[kind], *SHORT, f"data.cache_dir={tmp_path / 'cache'}", folder=tmp_path / name)
        train.train(config, tmp_path / name)
        return json.loads((tmp_path / name / "metrics.json").read_text(encoding="utf-8"))["metrics"]

    once = metrics("once")
    assert passes == own
    monkeypatch.setattr(StepOutputCallback, "take_outputs", lambda self, trainer: None)
    assert metrics("again") == pytest.approx(once, abs=1e-3)
    assert passes == [*own, *own, "target" if kind == "dann" else "classifier"]
    pictures = [(tmp_path / name / "figures" / "confusion_0000002.png").read_bytes() for name in ("once", "again")]
    assert pictures[0] == pictures[1]


@pytest.fixture
def tested() -> Any:
    """Give a callback two test batches, and return what it takes."""

    def take(
        split: str = "test",
        batches: int = 2,
        processes: int = 1,
        keys: tuple[str, ...] = ("logits", "x"),
        precision: str = "32-true",
    ) -> Any:
        callback, loader = StepOutputCallback(), [None] * batches
        callback.split = split  # type: ignore[assignment]
        data = types.SimpleNamespace(test_split="test")
        parts = {"world_size": processes, "precision": precision, "test_dataloaders": loader}
        trainer: Any = types.SimpleNamespace(**parts, datamodule=data)
        for number in range(2):
            outputs = {key: torch.full((3, 2), number, dtype=torch.bfloat16) for key in keys}
            callback.on_test_batch_end(trainer, None, outputs, {"labels": torch.full((3, 1), number)}, number)
        first = callback.take_outputs(trainer)
        assert callback.take_outputs(trainer) is None  # they are of one test
        return first

    return take


def test_outputs_are_joined_in_order_with_their_labels(tested: Any) -> None:
    taken = tested()
    assert taken.keys() == {"logits", "labels"}
    assert taken["logits"].dtype == torch.float32
    assert taken["logits"][:, 0].tolist() == taken["labels"][:, 0].tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize(
    "otherwise",
    [
        {"split": "val"},
        {"batches": 3},
        {"processes": 2},
        {"keys": ("loss",)},
        {"keys": ()},
        {"precision": "bf16-mixed"},
    ],
)
def test_a_test_of_other_images_or_of_a_part_of_them_does_not_count(tested: Any, otherwise: dict[str, Any]) -> None:
    assert tested(**otherwise) is None
