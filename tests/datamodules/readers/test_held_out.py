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
    assert "the last 3 of the training images of x lack a class, so the last 5 are held out" in caplog.text


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
    with pytest.raises(DataError, match=r"^x has no validation split.*mix the order.*data\.reader\.val_fraction"):
        cut_digits(part(labels), 0.1, "x")


def test_faces_that_are_sorted_by_an_attribute_are_refused():
    male = np.repeat([[1, 0], [0, 1]], 200, axis=0)
    with pytest.raises(DataError, match="have the same Male, so the rows seem to be sorted by it"):
        cut_faces(part(male), 0.05, ["Male", "Smiling"], "train.csv")
    with pytest.raises(DataError, match="have the same Smiling"):
        cut_faces(part(male[:, [1, 0]]), 0.05, ["Smiling", "Male"], "train.csv")


def test_a_value_that_the_last_faces_lack_is_held_out_with_an_earlier_one(caplog):
    labels = np.zeros((400, 3), int)
    labels[:40, 0], labels[:, 1], labels[7, 2] = 1, 1, 1  # rare, constant, one alone
    train, val = cut_faces(part(labels), 0.05, ["Bald", "Young", "Hat"], "train.csv")
    assert (len(train), len(val)) == (379, 21)
    assert val.names == ["39", *map(str, range(380, 400))]
    assert train.names == [str(i) for i in range(380) if i != 39]
    assert train.labels.sum(0).tolist() == [39, 379, 1]
    assert "the last 20 training images of train.csv have none of Bald=1; earlier" in caplog.text


def test_no_value_is_taken_from_the_training_faces_to_be_held_out():
    labels = np.array([[0, 1], [1, 1], [1, 0], [0, 0], [0, 0], [0, 1]])
    labels[1, 1] = 1
    train, val = cut_faces(part(labels), 0.2, ["Bald", "Hat"], "train.csv")
    for column in range(2):
        assert set(train.labels[:, column]) == set(val.labels[:, column]) == {0, 1}


def test_random_labels_are_cut_so_that_no_part_lacks_what_the_other_could_give():
    rng = np.random.default_rng(0)
    for _ in range(50):
        labels = (rng.random((60, 4)) < (0.05, 0.1, 0.5, 0.9)).astype(int)
        train, val = cut_faces(part(labels), 0.1, list("abcd"), "train.csv")
        assert sorted(map(int, train.names + val.names)) == list(range(60))
        tail = labels[54:]
        for column in range(4):
            for value in (0, 1):
                rows = (labels[:, column] == value).sum()
                assert (val.labels[:, column] == value).any() == (rows > 1 or (tail[:, column] == value).any())
                assert rows < 2 or (train.labels[:, column] == value).any() or (tail[:, column] == value).sum() == rows
