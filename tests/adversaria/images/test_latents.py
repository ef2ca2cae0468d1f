"""Walks through latents, by hand."""

import pytest
import torch

from adversaria.config.errors import DataError
from adversaria.images.latents import attribute_direction, move_along, traverse


def test_a_traversal_changes_one_dimension_a_row() -> None:
    walks = traverse(torch.tensor([1.0, 2.0, 3.0]), [2, 0], torch.tensor([-1.0, 5.0]))
    assert walks.tolist() == [[[1, 2, -1], [1, 2, 5]], [[-1, 2, 3], [5, 2, 3]]]


def test_a_direction_is_a_difference_of_means() -> None:
    latents = torch.tensor([[0.0, 0.0], [2.0, 4.0], [4.0, 8.0], [1.0, 0.0]])
    direction = attribute_direction(latents, torch.tensor([False, True, True, False]))
    assert direction.tolist() == [2.5, 6.0]
    walks = move_along(latents[:2], direction, torch.tensor([0.0, 2.0]))
    assert walks.tolist() == [[[0, 0], [5, 12]], [[2, 4], [7, 16]]]


@pytest.mark.parametrize(("has", "which"), [(True, "all"), (False, "none")])
def test_without_a_difference_there_is_no_direction(has: bool, which: str) -> None:
    with pytest.raises(DataError, match=f"{which} of 3 images"):
        attribute_direction(torch.zeros(3, 2), torch.full((3,), has))
