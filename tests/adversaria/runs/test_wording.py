"""What people read in place of keys and values."""

from adversaria.runs.wording import label, readable, written


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
