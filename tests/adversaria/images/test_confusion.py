"""Confusion matrices, counted by hand, and their pictures."""

import pytest
import torch

from adversaria.images.confusion import confusion, confusion_counts


def test_predictions_are_counted_by_class_and_unknown_classes_are_left_out() -> None:
    logits = torch.eye(3)[[0, 1, 1, 2]]
    assert confusion_counts(torch.tensor([0, 0, 1, -1]), logits).tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_of_two_classes_the_logit_is_that_of_the_second() -> None:
    logits = torch.tensor([[2.0], [-1.0], [3.0]])
    assert confusion_counts(torch.tensor([1, 1, 0]), logits).tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize("count", [2, 12, 200])
def test_classes_are_named_as_far_as_there_is_room(count: int) -> None:
    names = [f"kind $ {i}" for i in range(count)]
    (axis, _) = confusion(torch.eye(count), "title", "pet", names).axes
    shown = [text.get_text() for text in axis.get_yticklabels()]
    assert shown[:2] == [r"kind \$ 0", rf"kind \$ {1 if count < 50 else 4}"]
    assert len(shown) == min(count, 50)
    assert [text.get_text() for text in axis.texts] == ([] if count == 200 else ["100"] * count)
    assert (axis.get_ylabel(), axis.get_xlabel()) == ("true pet", "predicted pet")
