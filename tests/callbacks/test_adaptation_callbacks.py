"""What callbacks say of two domains: criteria without labels, the oracle, the report on the target, and pictures."""

import itertools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from adversaria.config.errors import ConfigError
from adversaria.measures.domains import (
    predict_domain,
    proxy_a_distance,
    soft_neighbourhood_density,
)
from callbacks.figures.domain_tsne import DomainTSNE
from callbacks.metrics.adaptation_criteria import AdaptationCriteria, Oracle
from callbacks.metrics.target import TargetReport
from callbacks.record.epoch_summary import EpochSummary
from lightning_modules.target_terms import information_maximisation


class Tells(torch.nn.Module):
    """Reads the digit off the images' brightness, well on the source, and shifted by `error` on part of the target."""

    labels = ["digit"]
    classes: dict[str, list[str]] = {}
    device = torch.device("cpu")
    iteration = 7

    def __init__(self, wrong: int = 0) -> None:
        super().__init__()
        self.wrong, self.recorded = wrong, {}

    def outputs(self, image: torch.Tensor, domain: str) -> tuple[torch.Tensor, torch.Tensor]:
        assert not self.training
        digit = ((image[:, 0, 0, 0] + 1) * 127.5 / 20).round().long()
        if domain == "target" and self.wrong:
            digit = torch.where(digit == self.wrong, 0, digit)
        logits = torch.nn.functional.one_hot(digit, 10).float() * 9
        return logits + (3.0 if domain == "source" else -3.0), logits

    def record(self, stage: str, values: dict[str, Any], count: int = 1) -> None:
        self.recorded |= {f"{stage}/{name}": value for name, value in values.items()}

    def publish(self, stage: str) -> None:
        self.published = stage


class Data:
    """Ten images a digit; brightness 20 times the digit."""

    value_range = (-1.0, 1.0)
    names = {"source": "here", "target": "there"}

    def pixels(self, domain: str, split: str, count: int | None = None) -> dict[str, torch.Tensor]:
        labels = torch.arange(100)[:count] % 10
        image = (20 * labels).to(torch.uint8).view(-1, 1, 1, 1).expand(-1, 3, 4, 4)
        return {"image": image, "labels": labels.to(torch.int8)[:, None]}


def trainer(folder: Any) -> Any:
    return SimpleNamespace(
        datamodule=Data(),
        is_global_zero=True,
        default_root_dir=str(folder),
        loggers=[],
        current_epoch=0,
        sanity_checking=False,
    )


def test_looking_leaves_the_module_in_its_mode() -> None:
    module = Tells().train()
    seen = predict_domain(module, Data(), "source", "val", 30)
    assert module.training
    assert seen.features.shape == seen.logits.shape == (30, 10)
    assert torch.equal(seen.logits.argmax(1), seen.labels)


def test_information_maximisation_is_highest_for_sure_and_balanced_predictions() -> None:
    sure = 50 * torch.eye(10)
    assert information_maximisation(sure).item() == pytest.approx(math.log(10), abs=1e-4)
    assert information_maximisation(torch.zeros(10, 10)).item() == pytest.approx(0, abs=1e-5)
    assert information_maximisation(sure[:1].repeat(10, 1)).item() == pytest.approx(0, abs=1e-4)


def test_soft_neighbourhood_density_is_highest_for_dense_neighbourhoods() -> None:
    together = 50 * torch.eye(10).repeat_interleave(20, 0)  # each image has 19 equals
    assert soft_neighbourhood_density(together).item() == pytest.approx(math.log(19), abs=1e-3)
    apart = torch.cat([50 * torch.eye(10)])  # none is like another
    assert soft_neighbourhood_density(apart).item() == pytest.approx(math.log(9), abs=1e-3)
    assert soft_neighbourhood_density(together, count=40).item() == pytest.approx(math.log(19), abs=1e-3)


def test_the_proxy_a_distance_tells_overlapping_domains_from_distinct_ones() -> None:
    rng = np.random.default_rng(0)
    same, other = rng.normal(size=(2, 400, 5))
    assert proxy_a_distance(same, other) < 0.3
    assert proxy_a_distance(same, other + 8) == pytest.approx(2.0)


def test_criteria_are_of_the_targets_held_out_images(tmp_path: Any) -> None:
    module = Tells()
    AdaptationCriteria().on_validation_epoch_end(trainer(tmp_path), module)
    assert module.recorded["val/target_entropy"] == pytest.approx(0.0111, abs=2e-3)
    assert module.recorded["val/information_maximisation"] == pytest.approx(math.log(10) - 0.0111, abs=2e-3)
    assert module.recorded["val/soft_neighbourhood_density"] == pytest.approx(math.log(9), abs=1e-2)


def test_the_oracle_keeps_the_best_epoch_over_a_resume(tmp_path: Any) -> None:
    oracle = Oracle()
    for wrong in (5, 0, 6):
        module = Tells(wrong)
        oracle.on_validation_epoch_end(trainer(tmp_path), module)
    assert module.recorded["val/oracle_accuracy"] == pytest.approx(0.9)
    again = Oracle()
    again.load_state_dict(oracle.state_dict())
    again.on_test_epoch_end(trainer(tmp_path), module)
    assert module.recorded["test/accuracy_oracle"] == pytest.approx(1.0)


def test_sanity_validation_is_no_epoch_of_the_oracle(tmp_path: Any) -> None:
    oracle, before, within = Oracle(), trainer(tmp_path), trainer(tmp_path)
    before.sanity_checking = True
    oracle.on_validation_epoch_end(before, Tells())
    assert oracle.best == 0
    oracle.on_validation_epoch_end(within, Tells(wrong=5))
    assert oracle.best == pytest.approx(0.9)


def test_the_report_has_each_class_and_both_domains(tmp_path: Any) -> None:
    module = Tells(wrong=3)
    TargetReport(count=60).on_test_epoch_end(trainer(tmp_path), module)
    told = module.recorded
    assert [told[f"test/accuracy/{d}"] for d in range(10)] == [1, 1, 1, 0, 1, 1, 1, 1, 1, 1]
    assert told["test/accuracy_source"] == 1.0
    assert told["test/proxy_a_distance"] > 1.5
    with Image.open(tmp_path / "figures" / "confusion_0000007.png") as picture:
        assert min(picture.size) > 300


def test_tsne_shows_both_domains_and_keeps_the_points(tmp_path: Any) -> None:
    DomainTSNE(count=40).draw(trainer(tmp_path), Tells().eval())
    saved = np.load(tmp_path / "figures" / "domains_0000007.npz")
    assert saved["points"].shape == (80, 2)
    assert saved["target"].tolist() == [0] * 40 + [1] * 40
    assert saved["digit"].tolist() == [i % 10 for i in range(40)] * 2
    with Image.open(tmp_path / "figures" / "domains_0000007.png") as picture:
        assert np.asarray(picture).std() > 5


def test_tsne_is_drawn_after_the_epochs_asked_for_and_at_the_end(tmp_path: Any) -> None:
    callback, drawn = DomainTSNE(after_epochs=2), []
    callback._draw = lambda t, m: drawn.append(t.current_epoch)  # type: ignore[method-assign]
    for epoch in range(4):
        callback.on_train_epoch_end(SimpleNamespace(current_epoch=epoch), Tells())  # type: ignore[arg-type]
    assert drawn == [1]


@pytest.mark.parametrize("callback", [AdaptationCriteria(), Oracle(), TargetReport(), DomainTSNE()])
def test_a_model_without_domains_is_an_error(callback: Any) -> None:
    with pytest.raises(ConfigError, match="DomainClassifier"):
        callback.setup(None, torch.nn.Identity(), "fit")


def test_the_throughput_counts_the_images_of_both_domains(monkeypatch):
    logged = []
    logger = SimpleNamespace(log_metrics=lambda values, step: logged.append(values))
    trainer = SimpleNamespace(loggers=[logger], is_global_zero=False)
    module = SimpleNamespace(count=lambda batch: len(batch["source"]) + len(batch["target"]), iteration=3)
    batch = {"source": torch.zeros(4), "labels": torch.zeros(4), "target": torch.zeros(4)}
    seconds = itertools.count()
    monkeypatch.setattr("callbacks.record.epoch_summary.time.perf_counter", lambda: next(seconds))
    summary = EpochSummary()
    summary.on_train_epoch_start(trainer, module)
    for number in range(3):
        summary.on_train_batch_end(trainer, module, None, batch, number)
    summary.on_train_epoch_end(trainer, module)
    assert logged == [{"perf/images_per_second": 8.0}]


def test_a_class_without_test_images_has_no_accuracy(tmp_path: Any, monkeypatch: Any) -> None:
    module, tested = Tells(), trainer(tmp_path)
    pixels = tested.datamodule.pixels

    def without_three(domain: Any, split: Any, count: int | None = None) -> Any:
        batch = pixels(domain, split, count)
        kept = batch["labels"][:, 0] != 3
        return {key: value[kept] for key, value in batch.items()}

    monkeypatch.setattr(tested.datamodule, "pixels", without_three)
    TargetReport(count=60).on_test_epoch_end(tested, module)
    assert [d for d in range(10) if f"test/accuracy/{d}" not in module.recorded] == [3]
