import pytest

from adversaria.config.errors import ConfigError, DataError
from datamodules.preflight import check_value_range, preflight

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
