import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from adversaria.config.errors import ConfigError, DataError
from datamodules.labels import select_attributes
from datamodules.readers import SplitIndex, check_value_range, not_found, open_reader, preflight

ROOT = Path(__file__).resolve().parents[3]
SYNTHETIC = {
    "_target_": "datamodules.readers.synthetic_faces.SyntheticFaces",
    "_partial_": True,
    "train": 4,
    "val": 2,
    "test": 2,
}


def test_a_table_is_as_long_as_its_names():
    assert len(SplitIndex(["a", "b"], np.zeros((2, 3), np.int8))) == 2


def test_attributes_keep_the_order_asked_for():
    assert select_attributes(["C", "A"], ["A", "B", "C"]) == ["C", "A"]
    assert select_attributes(None, ["A", "B", "C"]) == ["A", "B", "C"]
    assert select_attributes([], ["A", "B", "C"]) == []


def test_an_unknown_attribute_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"^data.attributes: there is no attribute 'Smilling'; did you mean Smiling"):
        select_attributes(["Male", "Smilling"], ["Male", "Smiling"])


def test_a_value_range_becomes_a_tuple_of_floats():
    assert check_value_range([-1, 1]) == (-1.0, 1.0)


@pytest.mark.parametrize("value_range", [[1, -1], [0, 0], [float("nan"), 1], [0, float("nan")]])
def test_an_empty_value_range_is_refused(value_range):
    with pytest.raises(ConfigError, match=r"data.value_range"):
        check_value_range(value_range)


def test_a_source_gets_the_root_only_if_there_is_one():
    def factory(**given):
        return given

    assert open_reader(factory, None) == {}
    assert open_reader(factory, "x") == {"root": "x"}


def test_not_found_names_places_layouts_and_cure():
    assert str(not_found("The data", ["a", "b"], "files", "get them")) == (
        "The data not found: looked in a, b; it reads files; get them"
    )


def test_preflight_accepts_good_data():
    preflight({"reader": SYNTHETIC, "attributes": ["Male"], "value_range": [0, 1]}, {})
    preflight({"reader": SYNTHETIC, "attributes": None}, {"network": {"labels": ["Male"]}})
    preflight({}, {})


@pytest.mark.parametrize(
    ("changes", "error", "text"),
    [
        ({"attributes": ["Mael"]}, ConfigError, "did you mean Male"),
        ({"value_range": [1, 0]}, ConfigError, "the first value must be below the second"),
        (
            {"reader": {"_target_": "datamodules.readers.celeba.CelebA", "_partial_": True}, "root": "/no/such"},
            DataError,
            "/no/such/celeba",
        ),
    ],
)
def test_preflight_refuses_bad_data(changes, error, text):
    with pytest.raises(error, match=text):
        preflight({"reader": SYNTHETIC, **changes}, {})


def test_preflight_refuses_labels_that_the_model_wants_and_the_data_lacks():
    with pytest.raises(ConfigError, match="labels: there is no attribute 'Smilng'; did you mean Smiling"):
        preflight({"reader": SYNTHETIC}, {"network": {"labels": ["Smilng"]}})
    with pytest.raises(ConfigError, match="labels: there is no attribute 'Smiling'; known: Male"):
        preflight({"reader": SYNTHETIC, "attributes": ["Male"]}, {"network": {"labels": ["Smiling"]}})


def test_sources_and_cache_import_no_torch():
    script = (
        "import sys, datamodules.array_cache, datamodules.readers.celeba, datamodules.readers.lab_faces\n"
        "from datamodules.readers import preflight\n"
        f"preflight({{'source': {SYNTHETIC!r}}}, {{}})\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT).returncode == 0
