"""What people read in place of keys and values."""

import pytest

from adversaria.runs.wording import label, marked, readable, with_floors, written


def test_numbers_of_images_name_split_and_domain() -> None:
    assert readable({"n_val": 5, "n_test_target": 9001}) == {"val images": 5, "test images of the target": 9001}


def test_values_that_mean_more_than_they_say_are_written_out() -> None:
    assert written("image_size", 28) == "28x28x3"
    assert written("value_range", [-1.0, 1.0]) == "(-1, 1)"
    assert written("labelled", "target") == "the target"
    assert written("extractor_labels", ["Smiling", "Male"]) == "Smiling, Male"
    assert written("lr_schedule", "of_the_updates") == "as the updates say"
    assert written("status", "not_tested") == "not tested"
    assert written("status", "finished") == "finished"
    assert written("model.target", "lightning_modules.vae.VAE") == "vae.VAE"


def test_keys_and_values_of_other_methods_are_shown_as_they_are() -> None:
    own = {"capacity": 3.5, "loss": "MSE + |KLD - C|", "labels": "a, b", "model.betas": [0.5, 0.9], "clip": None}
    assert readable(own) == own
    assert label("capacity") == "capacity"


@pytest.mark.parametrize(
    ("arrow", "metrics"),
    [
        (" ↑", "psnr accuracy accuracy/3 label_accuracy_x-digit/3 is_x precision_x recall_x density_x coverage_x"),
        (" ↓", "loss mse mse_pm1 fid_inception kid_x pair_distance_x/Smiling"),
        ("", "accuracy_fake accuracy_real kld wasserstein fid_x_floor coverage_x_floor proxy_a_distance"),
    ],
)
def test_an_arrow_says_which_way_a_metric_is_better(arrow: str, metrics: str) -> None:
    assert [marked(metric) for metric in metrics.split()] == [metric + arrow for metric in metrics.split()]


def test_the_floor_stands_beside_its_metric_and_alone_where_there_is_none() -> None:
    rows, floors = with_floors({"loss": 1.0, "fid_x_floor": 0.2, "kid_x_floor": 0.1, "fid_x": 3.0})
    assert rows == [("fid_x", 3.0, 0.2), ("kid_x_floor", 0.1, None), ("loss", 1.0, None)]
    assert floors
    assert with_floors({"loss": None}) == ([("loss", None, None)], False)
