import numpy as np
import pytest

from adversaria.config.errors import DataError
from datamodules.readers.base import SplitIndex
from datamodules.readers.held_out import cut_digits, cut_faces


def part(labels):
    array = np.array(labels, np.int8).reshape(len(labels), -1)
    return SplitIndex([str(i) for i in range(len(array))], array)


def test_the_end_of_the_training_images_is_held_out(caplog):
    train, val = cut_digits(part(list(range(10)) * 20), 0.08, "x")
    assert (len(train), len(val)) == (184, 16)
    assert train.names + val.names == [str(i) for i in range(200)]
    assert caplog.text == ""


def test_a_part_that_would_lack_a_class_starts_earlier_and_that_is_said(caplog):
    train, val = cut_digits(part([*[0, 1, 2] * 9, 0, 0, 0]), 0.1, "x")
    assert len(val) == 5  # 1 2 0 0 0: the last of each
    assert set(val.labels.ravel()) == set(train.labels.ravel()) == {0, 1, 2}
    assert "the last 3 of the training images of x lack a class; the last 5 are held out" in caplog.text


@pytest.mark.parametrize(
    "labels",
    [
        sorted(list(range(10)) * 20),
        [0] * 50 + [1] * 50,
        [1, *[0] * 50],
        [1, 1, 1, *[0] * 50],
        [*[0] * 50, 1],
    ],
    ids=["sorted", "two halves", "one at the start", "three at the start", "one at the end"],
)
def test_a_cut_that_would_leave_a_part_without_a_class_is_refused_with_the_cure(labels):
    with pytest.raises(DataError, match=r"^x has no validation part.*mix the order.*data\.reader\.val_fraction"):
        cut_digits(part(labels), 0.1, "x")


def test_faces_that_are_sorted_by_an_attribute_are_refused():
    male = np.repeat([[1, 0], [0, 1]], 200, axis=0)
    with pytest.raises(DataError, match="all alike in Male, so the rows are sorted by it"):
        cut_faces(part(male), 0.05, ["Male", "Smiling"], "train.csv")
    with pytest.raises(DataError, match="all alike in Smiling"):
        cut_faces(part(male[:, [1, 0]]), 0.05, ["Smiling", "Male"], "train.csv")


def test_a_rare_or_a_constant_attribute_is_no_sign_of_sorted_faces():
    labels = np.zeros((400, 2), int)
    labels[:40, 0], labels[:, 1] = 1, 1
    train, val = cut_faces(part(labels), 0.05, ["Bald", "Young"], "train.csv")
    assert (len(train), len(val)) == (380, 20)
