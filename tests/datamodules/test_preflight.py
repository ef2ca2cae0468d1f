import copy

import pytest
from support import shapes

from adversaria.config import schema
from adversaria.config.errors import ConfigError, DataError
from datamodules.preflight import check_value_range, completed, preflight

SYNTHETIC = {
    "_target_": "datamodules.readers.synthetic_faces.SyntheticFaces",
    "_partial_": True,
    "train": 4,
    "val": 2,
    "test": 2,
}


def test_a_value_range_becomes_a_tuple_of_floats():
    assert check_value_range([-1, 1]) == (-1.0, 1.0)


@pytest.mark.parametrize("value_range", [[1, -1], [0, 0], [float("nan"), 1], [0, float("nan")]])
def test_an_empty_value_range_is_refused(value_range):
    with pytest.raises(ConfigError, match=r"data.value_range"):
        check_value_range(value_range)


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


def test_preflight_refuses_an_unknown_digit_set():
    with pytest.raises(ConfigError, match=r"^data.target=lage: there is no such set; did you mean large"):
        preflight({"sets": {"small": SYNTHETIC, "large": SYNTHETIC}, "source": "small", "target": "lage"}, {})


def test_preflight_refuses_labels_that_the_model_wants_and_the_data_lacks():
    with pytest.raises(ConfigError, match="labels: there is no attribute 'Smilng'; did you mean Smiling"):
        preflight({"reader": SYNTHETIC}, {"network": {"labels": ["Smilng"]}})
    with pytest.raises(ConfigError, match="labels: there is no attribute 'Smiling'; known: Male"):
        preflight({"reader": SYNTHETIC, "attributes": ["Male"]}, {"network": {"labels": ["Smiling"]}})


def test_images_that_are_too_small_for_the_network_are_refused_without_torch(compose):
    for overrides, pixels in ((["model=gan", "data=digits"], 8), (["model=dann", "data=usps_mnistm"], 4)):
        config = compose(*overrides, f"data.image_size={pixels - 1}")
        with pytest.raises(ConfigError, match=rf"image_size={pixels - 1}: this network needs {pixels} pixels or more"):
            preflight(config["data"], config["model"])


@pytest.mark.parametrize("count", [2, 3, 12, 200])
def test_labels_and_classes_that_are_left_open_are_those_of_the_data(compose, count):
    config = compose("model=acgan", "data=digits", "labels=null")
    network = config["model"]["network"]
    found = preflight({"reader": shapes.node(count)}, config["model"])
    assert network["labels"] == found["labels"] == ["class", "Bright"]
    assert network["classes"] == found["classes"] == {"class": shapes.names_of(count)}
    filled = completed(config, found)
    assert (filled["labels"], filled["classes"]) == (found["labels"], found["classes"])
    schema.check({**filled, "data": config["data"]})
    assert completed({"labels": ["Bright"], "seed": 1}, found)["labels"] == ["Bright"]  # chosen by the user
    preflight({"reader": shapes.node(count)}, config["model"])  # of a resumed run
    with pytest.raises(ConfigError, match=r"^labels: the model's class is one of cat, dog"):
        preflight({"reader": shapes.node(count + 1)}, config["model"])


def test_the_configuration_of_data_without_classes_stays_as_it_is(compose):
    config = compose("model=acgan", "data=digits")
    before = copy.deepcopy(config)
    assert completed(config, preflight(config["data"], config["model"])) == before == config


def test_a_model_of_labels_needs_data_that_has_some():
    acgan = {"_target_": "lightning_modules.acgan.ACGAN", "network": {"labels": None}}
    with pytest.raises(ConfigError, match=r"^labels: ACGAN learns labels, and the data has none; give it some"):
        preflight({"reader": SYNTHETIC, "attributes": []}, acgan)
    with pytest.raises(ConfigError, match=r"^labels: class is cat for all images; leave it out of labels"):
        preflight({"reader": shapes.node(1)}, acgan)
    network = {"_target_": "lightning_modules.networks.adaptation.CompactDigits", "labels": ["class"]}
    with pytest.raises(ConfigError, match=r"CompactDigits has no parameter `classes`, which these labels need"):
        preflight({"reader": shapes.node(3)}, {"network": network})
