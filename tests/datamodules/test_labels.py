import types

import numpy as np
import pytest

from adversaria.config.errors import ConfigError, DataError
from datamodules.labels import absent_values, check_classes, check_same_classes, classes_of, select_attributes


def test_attributes_keep_the_order_asked_for():
    assert select_attributes(["C", "A"], ["A", "B", "C"]) == ["C", "A"]
    assert select_attributes(None, ["A", "B", "C"]) == ["A", "B", "C"]
    assert select_attributes([], ["A", "B", "C"]) == []


def test_an_unknown_attribute_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"^data.attributes: there is no attribute 'Smilling'; did you mean Smiling"):
        select_attributes(["Male", "Smilling"], ["Male", "Smiling"])


def test_a_held_out_part_without_a_value_of_a_used_label_is_refused_with_the_cure():
    train, val = np.array([[0, 1], [1, 1]]), np.array([[0, 1]])
    check_classes(train, val, ["Bald", "Young"], ["Young"], "x")  # nothing has Young=0, and Bald is not used
    with pytest.raises(DataError, match=r"^x has too few images with Bald=1: .*; add images with Bald=1, or leave"):
        check_classes(train, val, ["Bald", "Young"], ["Young", "Bald"], "x")


def test_absent_classes_are_named(caplog):
    pets, train = {"class": ["cat", "dog", "horse"]}, np.array([[0], [2]], np.int16)
    assert absent_values(train, ["class"], pets) == [("class", "class=dog")]
    with pytest.raises(DataError, match=r"too few images with class=horse"):
        check_classes(train, train[:1], ["class"], ["class"], "x", pets)
    assert "no training image of x has the label class=dog" in caplog.text


def test_a_model_is_given_data_of_its_own_classes_alone():
    check_same_classes(["class"], {"class": ["a", "b"]}, {"class": ["a", "b"], "other": ["c", "d"]})
    for theirs in ({"class": ["b", "a"]}, {"class": ["a", "b", "c"]}, {}):
        with pytest.raises(ConfigError, match=r"^labels: the model's class is one of a, b, and that of the data"):
            check_same_classes(["class"], {"class": ["a", "b"]}, theirs)


@pytest.mark.parametrize("names", [["a", "${oc.env:HOME}"], ["a", "???"], ["a", " "], ["a", "b\nc"], ["a", "a"]])
def test_names_that_a_configuration_cannot_hold_are_refused(names):
    with pytest.raises(DataError, match=r"^pets: .*; rename "):
        classes_of(types.SimpleNamespace(name="pets", classes=lambda: {"class": names}))
    assert classes_of(types.SimpleNamespace(name="pets")) == {}
