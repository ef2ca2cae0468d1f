"""Precision, recall, density and coverage: against their definitions, one pair of images at a time."""

import math

import pytest
import torch

from adversaria.measures import neighbours
from adversaria.measures.neighbours import NEAREST, neighbour_metrics, spread_evenly


def points(count: int, seed: int, scale: float = 1.0) -> torch.Tensor:
    return scale * torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))


def by_definition(real: torch.Tensor, fake: torch.Tensor, k: int = 5) -> dict[str, float]:
    """Kynkäänniemi et al. 2019, equations 1 and 2; Naeem et al. 2020, equations 3 and 4."""

    def radius(x, i) -> float:
        return sorted(math.dist(x[i], x[j]) for j in range(len(x)) if j != i)[k - 1]

    x, y = real.tolist(), fake.tolist()
    x_radii, y_radii = ([radius(side, i) for i in range(len(side))] for side in (x, y))
    balls = [sum(math.dist(a, b) < r for a, r in zip(x, x_radii, strict=True)) for b in y]
    return {
        "precision_x": sum(n > 0 for n in balls) / len(y),
        "recall_x": sum(any(math.dist(a, b) < r for b, r in zip(y, y_radii, strict=True)) for a in x) / len(x),
        "density_x": sum(balls) / (k * len(y)),
        "coverage_x": sum(min(math.dist(a, b) for b in y) < r for a, r in zip(x, x_radii, strict=True)) / len(x),
    }


def values(real: torch.Tensor, fake: torch.Tensor) -> dict[str, float]:
    return {name: float(value) for name, value in neighbour_metrics(real, fake, "x").items()}


@pytest.mark.parametrize(("counts", "scale"), [((40, 40), 1.0), ((60, 25), 0.6), ((25, 60), 1.8)])
@pytest.mark.parametrize("block", [2**22, 77])  # 77: in blocks of a row, or of three
def test_they_are_what_the_papers_define(counts, scale, block, monkeypatch) -> None:
    monkeypatch.setattr(neighbours, "BLOCK", block)
    real, fake = points(counts[0], 0), points(counts[1], 1, scale) + 0.4
    expected = by_definition(real, fake)
    assert 0 < expected["coverage_x"] < 1
    assert values(real, fake) == pytest.approx(expected, abs=1e-6)


def test_a_collapsed_generator_is_precise_and_covers_little() -> None:
    real = points(50, 0)
    collapsed = values(real, real.mean(0).expand(50, -1))
    assert collapsed["precision_x"] == 1
    assert collapsed["recall_x"] == 0  # no ball of equal images has an inside
    assert collapsed["coverage_x"] < 0.5


def test_equal_images_are_at_no_distance_however_long_their_features_are() -> None:
    far = points(30, 0) + 1e4  # squares of 1e8, whose differences are rounded to 1e-8
    assert values(far, far[:1].repeat(30, 1))["recall_x"] == 0
    assert values(far, far) == {"precision_x": 1, "recall_x": 1, "density_x": pytest.approx(1), "coverage_x": 1}


def test_another_place_is_neither_precise_nor_covering() -> None:
    assert set(values(points(30, 0), points(30, 1) + 100).values()) == {0}


def test_a_side_with_too_few_images_for_a_ball_has_none() -> None:
    assert neighbour_metrics(points(NEAREST, 0), points(9, 1), "x") == {}
    assert neighbour_metrics(points(9, 1), points(NEAREST, 0), "x") == {}
    assert len(neighbour_metrics(points(NEAREST + 1, 0), points(NEAREST + 1, 1), "x")) == 4


def test_of_many_images_some_of_all_parts_are_used(monkeypatch) -> None:
    monkeypatch.setattr(neighbours, "MOST", 20)
    sorted_by_class = torch.arange(50).repeat_interleave(2)[:, None]
    chosen = spread_evenly(sorted_by_class)
    assert chosen.flatten().tolist() == [i * 100 // 20 // 2 for i in range(20)]
    assert spread_evenly(chosen) is chosen
    real, fake = points(100, 0), points(41, 1)
    assert values(real, fake) == values(spread_evenly(real), spread_evenly(fake))
