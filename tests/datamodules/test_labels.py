import numpy as np
import pytest

from adversaria.config.errors import ConfigError, DataError
from datamodules.labels import check_classes, select_attributes


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
