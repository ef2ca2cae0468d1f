"""Names, sizes and values of labels."""

from __future__ import annotations

import pytest

from adversaria.config.labels import label_sizes, listed, parse_value, value_keys, value_names, value_title

PETS = {"class": ["cat", "dog", "horse"], "size": ["small", "large"]}


def test_a_label_has_the_classes_that_are_named_ten_digits_or_no_and_yes() -> None:
    names = ["class", "size", "digit", "Male"]
    assert label_sizes(names, PETS) == [3, 2, 10, 2]
    assert label_sizes(["digit", "class"]) == [10, 2]  # without names a label is binary
    assert value_names("digit") == list("0123456789")
    assert value_names("digit", {"digit": ["I", "V", "X"]}) == ["I", "V", "X"]
    assert value_names("Male", PETS) == ["no", "yes"]


@pytest.mark.parametrize(
    ("label", "value", "title"),
    [("class", 1, "class dog"), ("size", 0, "size small"), ("digit", 3, "digit 3"), ("Male", 0, "no Male")],
)
def test_a_value_is_shown_by_its_name(label: str, value: int, title: str) -> None:
    assert value_title(label, value, PETS) == title
    assert value_title("Male", 1, PETS) == "Male"


def test_metrics_are_called_after_classes_where_one_label_has_several() -> None:
    assert value_keys(["class"], PETS) == ["cat", "dog", "horse"]
    assert value_keys(["size"], PETS) == ["size"]
    assert value_keys(["class", "Male"], PETS) == ["class", "Male"]


def test_a_value_is_written_by_its_name_or_number_and_a_name_comes_first() -> None:
    values = [parse_value("class", text, PETS) for text in ("dog", "2", "3", "-1", "Dog", "")]
    assert values == [1, 2, None, None, None, None]
    assert parse_value("n", "2", {"n": ["2", "1", "0"]}) == 0
    assert [parse_value("Male", text) for text in ("1", "no", "2")] == [1, 0, None]


def test_a_long_list_is_cut_in_a_sentence() -> None:
    assert listed(["a", "b"]) == "a, b"
    assert listed([*map(str, range(200))]) == "0, 1, 2, 3, 4, 5, 6, 7 and 192 more"
