"""Running averages of recorded scalars."""

import pytest
import torch

from adversaria.config.errors import DivergedError
from lightning_modules.scalars import Average, RunningAverages, check_finite

CPU = torch.device("cpu")


def test_average_is_weighted() -> None:
    average = Average()
    average.add(torch.tensor(1.0), 3)
    average.add(5.0, 1)
    assert float(average.total) / average.weight == 2.0


def test_a_stage_is_taken_once_and_leaves_the_others() -> None:
    averages = RunningAverages()
    averages.add("train", {"loss": torch.tensor(1.0)}, 1)
    averages.add("train", {"loss": torch.tensor(3.0)}, 1)
    averages.add("val", {"loss": 7.0}, 2)
    assert averages.take("train", CPU, lambda values: values) == {"train/loss": 2.0}
    assert averages.take("train", CPU, lambda values: values) == {}
    assert averages.take("val", CPU, lambda values: values) == {"val/loss": 7.0}


def test_sums_and_weights_are_reduced_over_processes() -> None:
    averages = RunningAverages()
    averages.add("val", {"loss": 1.0}, 3)
    other = iter([torch.tensor([5.0]), torch.tensor([1.0])])  # another process saw one item, with 5
    assert averages.take("val", CPU, lambda values: values + next(other)) == {"val/loss": 2.0}


def test_states_restore_the_averages() -> None:
    averages, restored = RunningAverages(), RunningAverages()
    averages.add("train", {"loss": torch.tensor(0.1), "lambda": 1e-5}, 3)
    restored.restore(averages.states(), CPU)
    for each in (averages, restored):
        each.add("train", {"loss": torch.tensor(0.2)}, 3)
    taken = [each.take("train", CPU, lambda values: values) for each in (averages, restored)]
    assert taken[0]["train/loss"] == taken[1]["train/loss"] == pytest.approx(0.15)
    assert taken[1].keys() == {"train/loss", "train/lambda"}


def test_values_that_became_nan_or_infinite_are_named() -> None:
    check_finite({"train/loss": 1.0}, 3)
    with pytest.raises(
        DivergedError, match=r"iteration 3: train/b is nan, train/c is inf \(means .*Lower the learning"
    ):
        check_finite({"train/a": 1.0, "train/b": float("nan"), "train/c": float("inf")}, 3)
