"""Test metrics as the rows that people read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from adversaria.runs.metric_rows import notes, number, rows
from adversaria.runs.metric_wording import better, in_order, is_known, marked
from adversaria.runs.objective import logged

VAE = {
    **{"loss": 0.2178, "mse": 0.2177, "mse_pm1": 0.21768, "mse_01": 0.05442, "psnr": 12.977, "ssim": 0.45644},
    **{"kld": 7.66892, "kld_nats": 7.66892, "active_units": 1024.0},
}


def words(metrics: dict[str, float | None], **protocol: object) -> list[str]:
    return [row.words for row in rows(metrics, protocol)]


@pytest.mark.parametrize(
    ("arrow", "metrics"),
    [
        (" ↑", "psnr accuracy accuracy/3 label_accuracy_x-digit/3 is_x precision_x recall_x density_x coverage_x"),
        (" ↓", "loss mse mse_pm1 fid_inception kid_x pair_distance_x/Smiling pair_distance_pixels/Male"),
        ("", "accuracy_fake accuracy_real kld wasserstein fid_x_floor coverage_x_floor proxy_a_distance"),
    ],
)
def test_an_arrow_says_which_way_a_metric_is_better(arrow: str, metrics: str) -> None:
    assert [marked(metric) for metric in metrics.split()] == [metric + arrow for metric in metrics.split()]


def test_how_good_images_are_comes_first_what_is_not_known_later_and_the_discriminator_last() -> None:
    names = "accuracy_fake accuracy_real fid_x is_x kid_x loss my_metric precision_x recall_x wasserstein"
    assert in_order(names.split(" ")) == [
        *("fid_x", "kid_x", "precision_x", "recall_x", "is_x", "loss", "my_metric"),
        *("accuracy_real", "accuracy_fake", "wasserstein"),
    ]


def test_each_quantity_of_a_vae_is_there_once_and_the_two_errors_are_told_apart() -> None:
    found = {row.words: row for row in rows(VAE, {"value_range": [-1.0, 1.0]})}
    assert list(found) == [
        *("MSE, latents at their means", "MSE, latents sampled", "peak signal-to-noise ratio"),
        *("structural similarity", "KLD, divergence from the prior", "latent dimensions in use", "loss"),
    ]
    assert found["MSE, latents at their means"].names == ("mse_pm1",)
    assert found["MSE, latents sampled"].beside == "pixels from -1 to 1"
    assert found["peak signal-to-noise ratio"].value == "13.0 dB"
    assert found["KLD, divergence from the prior"].value == "7.67 nats"
    assert found["latent dimensions in use"].value == "1,024"
    assert found["latent dimensions in use"].beside == "of model.network.latent_dim"


def test_the_error_is_on_the_scale_of_the_model() -> None:
    (row,) = [row for row in rows(VAE, {"value_range": [0.0, 1.0]}) if "means" in row.words]
    assert (row.value, row.beside, row.names) == ("0.0544", "pixels from 0 to 1", ("mse_01",))


def test_a_divergence_that_is_another_number_stays() -> None:
    assert "KLD as the loss has it" in words({**VAE, "kld": 0.0075})


def test_the_floor_stands_beside_and_alone_where_there_is_nothing_to_stand_beside() -> None:
    found = rows({"fid_x": 3.0, "fid_x_floor": 0.25, "kid_x_floor": 1e-5}, {})
    assert [(row.words, row.value, row.beside) for row in found] == [
        ("Fréchet distance", "3", "real images: 0.250"),
        ("kernel distance, real images", "1.00e-05", ""),
    ]


def test_many_classes_are_one_row_with_both_ends_and_few_are_rows() -> None:
    many = {f"accuracy/{name}": value for name, value in zip("abcde", (0.9, 0.1, 0.5, 0.7, None), strict=True)}
    (row,) = rows(many, {})
    assert (row.words, row.value, row.beside) == (
        "accuracy by label, median",
        "60.0 %",
        "lowest 10.0 % (b), highest 90.0 % (a)",
    )
    assert row.names == tuple(many)
    assert words({"accuracy/a": 0.9, "accuracy/b": 0.1}) == ["accuracy of a", "accuracy of b"]
    assert [row.value for row in rows(dict.fromkeys(many), {})] == ["not finite"]


def test_an_accuracy_of_the_commonest_class_alone_does_not_look_good() -> None:
    for third, text in ((1.0, "mean of the classes: 33.3 %, guessing: 33 %"), (0.6, "guessing: 33 %")):
        shares = {"accuracy/a": 0.5 * (third < 1), "accuracy/b": 0.6 * (third < 1), "accuracy/c": third}
        assert rows({"accuracy": 0.5625, **shares}, {"target": "drawings"})[0].beside == text


def test_values_of_another_extractor_or_of_the_mixture_say_so() -> None:
    assert words({"fid_inception": 1.0, "fid_x": 2.0, "fid_x_mixture": 3.0}) == [
        *("FID, inception", "Fréchet distance, x", "Fréchet distance, mixture of latents, x")
    ]


def test_metrics_of_a_users_own_keep_their_names_and_digits() -> None:
    own = {f"my {{braces}}/{n}": 0.123456 + n for n in range(5)}
    assert [(row.words, row.better) for row in rows(own, {})] == [(name, "") for name in own]
    assert rows(own, {})[1].value == "1.1235"


@pytest.mark.parametrize("ends", [None, 3, [1], ["a", "b"], {"a": 1}])
def test_a_damaged_record_has_rows(ends: object) -> None:
    assert len(rows(VAE, {"value_range": ends})) == 7


def test_notes_explain_what_is_there_alone() -> None:
    assert list(notes({"kld": 1.0})) == []
    assert len(list(notes({"fid_x": 1.0, "fid_x_floor": 1.0, "precision_x": 0.5, "accuracy_real": 0.5}))) == 5


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "", "0"),
        (-0.15095, "", "-0.151"),
        (1234.5, "", "1,234"),
        (float("nan"), "dB", "not finite"),
        (1.0, "%", "100.0 %"),
    ],
)
def test_numbers_have_the_digits_that_count(value: float, unit: str, text: str) -> None:
    assert number(value, unit) == text


@pytest.mark.parametrize(
    "model", ["vae", "cvae", "gan", "wgan", "acgan", "classifier", "dann", "adda", "adamatch", "dsn"]
)
def test_every_test_metric_of_the_methods_has_words(model: str, compose: Callable[..., dict[str, Any]]) -> None:
    names = {name.removeprefix("test/") for name in logged(compose(f"model={model}")) if name.startswith("test/")}
    assert names
    assert [name for name in names if not is_known(name.replace("*", "x"))] == []
    assert better("loss") == "↓"
