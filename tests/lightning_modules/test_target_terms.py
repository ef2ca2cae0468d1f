"""Losses on the target's predictions: each against a computation by hand, and what the methods make of them."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from adversaria.config import schema
from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from lightning_modules import target_terms
from lightning_modules.networks.batch_norm import batch_statistics, split_statistics, statistics_of
from lightning_modules.target_terms import (
    TargetTerms,
    minimum_class_confusion,
    mutual_information_loss,
    virtual_adversarial,
)

PAIR = ["data=digits_mnist5k", "model.network.width=4", "model.network.dropout=0"]


def logits(count: int = 7, classes: int = 4) -> Tensor:
    return 3 * torch.randn(count, classes, generator=torch.Generator().manual_seed(0))


def softmax(row: list[float]) -> list[float]:
    powers = [math.exp(value) for value in row]
    return [power / sum(powers) for power in powers]


def entropy_of(row: list[float]) -> float:
    return -sum(p * math.log(p) for p in row)


def divergence(rows: np.ndarray, others: np.ndarray) -> float:
    pairs = [(softmax(list(row)), softmax(list(other))) for row, other in zip(rows, others, strict=True)]
    return sum(p * math.log(p / q) for ps, qs in pairs for p, q in zip(ps, qs, strict=True)) / len(pairs)


# -------------------------------------------------------------------------------------------------------- golden values


def test_information_is_minus_that_between_image_and_class() -> None:
    predictions = [softmax(row) for row in logits().tolist()]
    mean = [sum(column) / len(predictions) for column in zip(*predictions, strict=True)]
    expected = sum(map(entropy_of, predictions)) / len(predictions) - entropy_of(mean)
    assert mutual_information_loss(logits()).item() == pytest.approx(expected, rel=1e-5)


def test_information_is_best_where_each_class_is_predicted_with_certainty() -> None:
    assert mutual_information_loss(100 * torch.eye(10)).item() == pytest.approx(-math.log(10), abs=1e-5)
    alone = mutual_information_loss(100 * torch.eye(10)[:1].repeat(10, 1))
    assert alone.item() == pytest.approx(0, abs=1e-5)  # certain of one class: nothing is known


@pytest.mark.parametrize("temperature", [2.5, 1.0])
def test_class_confusion_by_hand(temperature: float) -> None:
    predictions = [softmax([value / temperature for value in row]) for row in logits().tolist()]
    certainties = [1 + math.exp(-entropy_of(row)) for row in predictions]
    weights = [len(predictions) * c / sum(certainties) for c in certainties]
    expected, classes = 0.0, range(4)
    for j in classes:
        confused = [sum(w * row[j] * row[k] for w, row in zip(weights, predictions, strict=True)) for k in classes]
        expected += sum(abs(value) / sum(confused) for k, value in enumerate(confused) if k != j) / 4
    assert minimum_class_confusion(logits(), temperature).item() == pytest.approx(expected, rel=1e-5)


def test_class_confusion_is_between_none_and_that_of_chance() -> None:
    assert minimum_class_confusion(1e3 * torch.eye(10)).item() == pytest.approx(0, abs=1e-6)
    assert minimum_class_confusion(torch.zeros(8, 10)).item() == pytest.approx(0.9)
    assert torch.isfinite(minimum_class_confusion(1e4 * torch.eye(10)[:2]))  # classes that no image has at all


def test_no_gradient_goes_through_the_weights_of_class_confusion() -> None:
    given = logits().double().requires_grad_()
    (gradient,) = torch.autograd.grad(minimum_class_confusion(given), given)
    fixed = 1 + np.exp([-entropy_of(softmax(row)) for row in (given / 2.5).tolist()])
    fixed = len(fixed) * fixed / fixed.sum()

    def loss(values: np.ndarray) -> float:
        predictions = np.array([softmax(list(row / 2.5)) for row in values])
        confusion = (predictions * fixed[:, None]).T @ predictions
        confusion /= confusion.sum(1, keepdims=True)
        return float(confusion.sum() - np.trace(confusion)) / 4

    base, step = given.detach().numpy(), 1e-5
    for place in ((0, 0), (3, 2), (6, 1)):
        higher, lower = base.copy(), base.copy()
        higher[place] += step
        lower[place] -= step
        assert gradient[place].item() == pytest.approx((loss(higher) - loss(lower)) / (2 * step), rel=1e-4, abs=1e-9)


def test_the_virtual_adversarial_loss_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a linear classifier, whose divergence has the gradient Wᵀ(q - p) in the perturbation."""
    generator = np.random.default_rng(0)
    weight, images = generator.normal(size=(4, 12)), generator.normal(size=(5, 3, 2, 2))
    drawn = generator.normal(size=images.shape)
    flat = images.reshape(5, 12)
    start = drawn.reshape(5, 12) / np.linalg.norm(drawn.reshape(5, 12), axis=1, keepdims=True)
    before = np.array([softmax(list(weight @ x)) for x in flat])
    after = np.array([softmax(list(weight @ (x + target_terms.PROBE * d))) for x, d in zip(flat, start, strict=True)])
    worst = (after - before) @ weight
    worst /= np.linalg.norm(worst, axis=1, keepdims=True)
    expected = divergence(flat @ weight.T, (flat + 0.3 * worst) @ weight.T)

    monkeypatch.setattr(torch, "randn_like", lambda _: torch.from_numpy(drawn))
    image, matrix = torch.from_numpy(images), torch.from_numpy(weight).requires_grad_()
    found = virtual_adversarial(image.flatten(1) @ matrix.T, image, lambda x: x.flatten(1) @ matrix.T, 0.3)
    assert found.item() == pytest.approx(expected, rel=1e-6)
    found.backward()
    assert matrix.grad is not None
    assert matrix.grad.abs().max() > 0


def test_the_found_perturbation_moves_predictions_more_than_one_at_random() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 32), nn.Tanh(), nn.Linear(32, 10))
    image = torch.randn(64, 3, 8, 8)
    fixed = network(image).detach()
    worst = virtual_adversarial(fixed, image, network, 1.0).item()
    noise = torch.randn(192)
    unit = (noise / noise.norm()).view(1, 3, 8, 8)
    assert worst > 3 * divergence(fixed.numpy(), network(image + unit).detach().numpy())


# ----------------------------------------------------------------------------------------------------------- their sum


def test_terms_without_a_weight_are_not_computed() -> None:
    def fail(image: Tensor) -> Tensor:
        raise AssertionError

    names = set(TargetTerms(mcc=1)(logits(), torch.zeros(7, 3, 2, 2), fail))
    assert names == {"entropy", "mcc"}
    assert not TargetTerms(temperature=1)
    assert all(TargetTerms(**{name: 0.1}) for name in ("entropy", "information_maximisation", "mcc", "vat"))


@pytest.fixture
def built(compose) -> Callable[..., Any]:
    def build(*overrides: str) -> tuple[Any, dict[str, Tensor], dict[str, Tensor]]:
        torch.manual_seed(0)
        module = instantiate(compose(*PAIR, *overrides)["model"])
        said: dict[str, Tensor] = {}
        module.record = lambda _, values: said.update(values)
        module._trainer = type("T", (), {"max_epochs": 1, "num_training_batches": 1})()
        image = torch.rand(8, 3, 32, 32) * 2 - 1
        batch = {"source": image, "labels": torch.arange(8, dtype=torch.int8), "target": image.flip(0) * 0.5}
        return module, batch, said

    return build


@pytest.mark.parametrize("batch_norm", ["joint", "separate", "split"])
@pytest.mark.parametrize("model", ["source_only", "dann", "adda"])
def test_each_method_adds_the_terms_with_their_weights(built, model: str, batch_norm: str) -> None:
    weights = {"entropy": 0.3, "information_maximisation": 0.5, "mcc": 0.7, "vat": 0.2}
    totals = []
    for factor in (0, 1):
        given = [f"model.target_terms.{name}={factor * weight}" for name, weight in weights.items()]
        module, batch, said = built(f"model={model}", f"model.batch_norm={batch_norm}", *given)
        loss = module.phases()[-1].loss
        if model == "source_only":  # which without terms takes the source alone, with statistics of its own
            label = module.label_loss(module.both(batch["source"], batch["target"])[0].logits, batch["labels"])
            totals.append((loss(batch) if factor else label).item())
        else:
            totals.append(loss(batch).item())
    terms = sum(weight * said[f"target_{name}"].item() for name, weight in weights.items())
    assert totals[1] - totals[0] == pytest.approx(terms, rel=1e-4)


@pytest.mark.parametrize("batch_norm", ["joint", "separate", "split"])
@pytest.mark.parametrize("model", ["source_only", "dann", "adda"])
def test_perturbed_images_leave_the_running_statistics(built, model: str, batch_norm: str) -> None:
    buffers = []
    for weight in (0, 1):
        terms = ["model.target_terms.entropy=1", f"model.target_terms.vat={weight}"]
        module, batch, _ = built(f"model={model}", f"model.batch_norm={batch_norm}", *terms)
        module.phases()[-1].loss(batch)
        buffers.append({name: value.clone() for name, value in module.named_buffers()})
    assert buffers[0].keys() == buffers[1].keys()
    assert [name for name in buffers[0] if not torch.equal(buffers[0][name], buffers[1][name])] == []


@pytest.mark.parametrize("batch_norm", ["joint", "separate", "split"])
def test_without_a_perturbation_the_predictions_are_the_same(built, batch_norm: str) -> None:
    module, batch, _ = built("model=dann", f"model.batch_norm={batch_norm}")
    expected = module.both(batch["source"], batch["target"])[1].logits
    assert torch.allclose(module.perturbed_logits(batch), expected, atol=1e-5)


def test_batch_statistics_leave_those_of_the_target_too() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3))
    split_statistics(network)
    with batch_statistics(network), statistics_of("target"):
        network(torch.rand(4, 3, 5, 5) + 2)
    assert torch.equal(network[0].target_mean, torch.zeros(3))
    with statistics_of("target"):
        network(torch.rand(4, 3, 5, 5) + 2)
    assert network[0].target_mean.min() > 0.1


# -------------------------------------------------------------------------------------------------------- configuration


@pytest.mark.parametrize("model", ["source_only", "target_only", "dann", "dsn", "adda", "mcc"])
def test_a_method_built_in_python_has_the_terms_of_its_file(compose, model: str) -> None:
    node = compose(f"model={model}", *PAIR)["model"]
    of_file = instantiate(node).target_terms
    assert instantiate({key: value for key, value in node.items() if key != "target_terms"}).target_terms == of_file


def test_a_misspelt_term_is_an_error_that_names_the_right_one(compose) -> None:
    config = compose("model=dann", *PAIR)
    config["model"]["target_terms"]["mc"] = 1.0
    with pytest.raises(ConfigError, match=r"model\.target_terms\.mc: .* has no such key.*mcc"):
        schema.check(config)


def test_a_negative_weight_is_an_error(compose) -> None:
    config = compose("model=mcc", *PAIR)
    config["model"]["target_terms"]["mcc"] = -1
    with pytest.raises(ConfigError, match=r"model\.target_terms\.mcc=-1: "):
        schema.check(config)


def test_terms_beside_labels_of_the_target_are_refused(compose) -> None:
    with pytest.raises(ConfigError, match=r"model\.target_terms: with labels of the target"):
        instantiate(compose("model=target_only", *PAIR, "model.target_terms.mcc=1")["model"])
