"""Walks between noise vectors."""

import math

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from PIL import Image
from torch.nn import functional

from adversaria.config.errors import ConfigError
from adversaria.images.interpolation import spherical
from callbacks.figures.interpolation import Interpolation


def pair(count: int = 5, dimension: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    return torch.randn(count, dimension, generator=g), torch.randn(count, dimension, generator=g)


def test_a_walk_starts_and_ends_at_the_given_vectors() -> None:
    first, second = pair()
    walk = spherical(first, second, steps=6)
    assert walk.shape == (5, 6, 7)
    torch.testing.assert_close(walk[:, 0], first, rtol=1e-6, atol=0)
    torch.testing.assert_close(walk[:, -1], second, rtol=1e-6, atol=0)


def test_between_unit_vectors_the_norm_is_one_and_the_angle_grows_evenly() -> None:
    first, second = (functional.normalize(v) for v in pair())
    walk = spherical(first, second, steps=9)
    torch.testing.assert_close(walk.norm(dim=2), torch.ones(5, 9))
    whole = torch.arccos((first * second).sum(1))
    steps = torch.arccos((walk[:, 1:] * walk[:, :-1]).sum(2))
    torch.testing.assert_close(steps, (whole / 8)[:, None].expand(-1, 8), rtol=1e-3, atol=0)


def test_the_middle_of_orthogonal_unit_vectors_is_their_normalised_sum() -> None:
    first, second = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 1.0, 0.0]])
    middle = spherical(first, second, steps=3)[0, 1]
    torch.testing.assert_close(middle, torch.tensor([math.sqrt(0.5), math.sqrt(0.5), 0.0]))


@pytest.mark.parametrize("factor", [1.0, 1.0 + 1e-7, -1.0])
def test_parallel_and_opposite_vectors_stay_finite(factor: float) -> None:
    first, _ = pair()
    walk = spherical(first, factor * first, steps=5)
    assert walk.isfinite().all()
    torch.testing.assert_close(walk[:, 0], first, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(walk[:, -1], factor * first, rtol=1e-5, atol=1e-5)
    if factor > 0:  # nothing to walk: it stays there
        torch.testing.assert_close(walk, first[:, None].expand(-1, 5, -1), rtol=1e-3, atol=1e-3)


def colours(page: np.ndarray, rows: int, columns: int) -> list[list[list[int]]]:
    """The colour of each 4×4 image, enlarged 16 times, of a page with gaps of 2."""
    return [[page[32 + 66 * r, 32 + 66 * c].tolist() for c in range(columns)] for r in range(rows)]


def test_each_row_of_the_picture_is_a_walk(unconditional, trainer_on, tmp_path) -> None:
    unconditional.noise = lambda count, seed: torch.eye(3)[[0, 1, 1, 2]]  # from red to green, from green to blue
    Interpolation(rows=2, steps=3).on_train_end(trainer_on([[0]]), unconditional)
    page = np.asarray(Image.open(tmp_path / "figures" / "interpolation_0000007.png"))
    assert page.shape == (2 * 66 - 2, 3 * 66 - 2, 3)
    half = round(255 * math.sqrt(0.5))
    red, green, blue = [255, 0, 0], [0, 255, 0], [0, 0, 255]
    # the ends of the walks are the two halves of the noise: 0 to 2 and 1 to 3
    assert colours(page, 2, 3) == [[red, [half, half, 0], green], [green, [0, half, half], blue]]


def test_labels_stay_the_same_along_a_walk(conditional, trainer_on, tmp_path) -> None:
    module = conditional("Smiling")
    Interpolation(rows=3, steps=4).on_train_end(trainer_on([[1], [0]]), module)
    ((noise, labels),) = module.asked
    assert len(noise) == 12
    assert labels[:, 0].tolist() == [1] * 4 + [0] * 4 + [1] * 4  # of the first test images, in turn
    page = np.asarray(Image.open(tmp_path / "figures" / "interpolation_0000007.png"))
    assert [[pixel[1] for pixel in row] for row in colours(page, 3, 4)] == [[255] * 4, [0] * 4, [255] * 4]


def test_the_noise_of_the_walks_depends_on_the_seed_alone(conditional, trainer_on) -> None:
    module = conditional("Smiling")
    for seed in (1, 1, 2):
        Interpolation(rows=2, steps=3, seed=seed).on_train_end(trainer_on([[1]]), module)
    a, again, other = (noise for noise, _ in module.asked)
    assert torch.equal(a, again)
    assert not torch.equal(a, other)


def test_a_model_that_cannot_sample_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Interpolation needs a model that is a Sampler.*leave it out$"):
        Interpolation().setup(pl.Trainer(logger=False, accelerator="cpu"), pl.LightningModule(), "fit")
