import pytest

from adversaria.config.errors import ConfigError
from datamodules.labels import select_attributes


def test_attributes_keep_the_order_asked_for():
    assert select_attributes(["C", "A"], ["A", "B", "C"]) == ["C", "A"]
    assert select_attributes(None, ["A", "B", "C"]) == ["A", "B", "C"]
    assert select_attributes([], ["A", "B", "C"]) == []


def test_an_unknown_attribute_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"^data.attributes: there is no attribute 'Smilling'; did you mean Smiling"):
        select_attributes(["Male", "Smilling"], ["Male", "Smiling"])
