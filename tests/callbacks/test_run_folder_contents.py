"""Each callback's file, in one finished run; what the files say, not only that they are there."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from adversaria.runs.curves import read_metrics


@pytest.fixture(scope="module")
def folder(tiny_run) -> Path:
    return tiny_run[0]


@pytest.fixture(scope="module")
def events(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder / "tensorboard"), size_guidance={"images": 0})
    return accumulator.Reload()


def picture(folder: Path, name: str) -> np.ndarray:
    return np.asarray(Image.open(folder / "figures" / name))


def test_sample_grid_has_four_rows_of_eight(folder: Path) -> None:
    assert sorted(p.name for p in (folder / "figures").glob("samples_*")) == [
        "samples_0000003.png",
        "samples_0000006.png",
    ]
    page = picture(folder, "samples_0000006.png")
    assert page.shape == (4 * 66 - 2, 8 * 66 - 2, 3)
    assert (page[64:66] == 255).all()
    assert page[:64, :64].std() > 0
    assert not np.array_equal(page, picture(folder, "samples_0000003.png"))  # the network moved, the noise did not


def test_the_moving_picture_shows_every_sample_grid_in_order(folder: Path) -> None:
    pages = [picture(folder, name).astype(int) for name in ("samples_0000003.png", "samples_0000006.png")]
    with Image.open(folder / "figures" / "samples.gif") as moving:
        assert moving.n_frames == 2
        assert moving.info["loop"] == 0  # for ever
        for number in range(2):
            moving.seek(number)
            shown = np.asarray(moving.convert("RGB")).astype(int)
            assert shown.shape == pages[0].shape
            errors = [np.abs(shown - page).mean() for page in pages]  # not 0: a frame has 256 colours
            assert int(np.argmin(errors)) == number
        assert moving.info["duration"] == 3000  # the last one stays


@pytest.mark.parametrize("name", ["reconstructions", "tsne", "curves"])
def test_figures_show_something(folder: Path, name: str) -> None:
    page = picture(folder, f"{name}_0000006.png")
    assert page.shape[2] == 3
    assert page.std() > 5


def test_tsne_embedding_is_saved_with_its_labels(folder: Path) -> None:
    saved = np.load(folder / "figures" / "tsne_0000006.npz")
    assert saved["points"].shape == (16, 2)
    assert np.isfinite(saved["points"]).all()
    assert set(saved) == {"points", "Blond_Hair", "Male", "Smiling", "Black_Hair"}
    assert set(np.unique(saved["Male"])) <= {0, 1}


def test_metrics_json_has_metrics_and_protocol(folder: Path) -> None:
    record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    metrics = record["metrics"]
    assert metrics["test/mse_pm1"] == pytest.approx(4 * metrics["test/mse_01"], rel=1e-5)
    assert metrics["test/psnr"] == pytest.approx(-10 * np.log10(metrics["test/mse_01"]), abs=1.0)
    assert -1 <= metrics["test/ssim"] <= 1
    assert metrics["test/kld_nats"] > 0
    assert 0 <= metrics["test/active_units"] <= 16
    protocol = record["protocol"]
    assert (protocol["weights"], protocol["n_test"], protocol["iteration"]) == ("last", 24, 6)
    assert (protocol["data"], protocol["value_range"]) == ("synthetic_faces", [-1, 1])
    assert all(re.fullmatch("[a-z0-9_]+", key) for key in protocol)


def test_architecture_lists_networks_counts_and_details(folder: Path) -> None:
    text = (folder / "architecture.txt").read_text(encoding="utf-8")
    for expected in ("CompactVAE(", "LeakyReLU(negative_slope=0.2)", "network.encoder: ", "normalisation"):
        assert expected in text
    lines = [
        re.split("  +", line.strip(), maxsplit=1) for line in text.split("Implementation details\n")[1].splitlines()
    ]
    said = dict(lines)
    assert (said["model.optimizer.lr"], said["train images"]) == ("0.003", "96")


def test_architecture_json_has_numbers_by_key(folder: Path) -> None:
    content = json.loads((folder / "architecture.json").read_text(encoding="utf-8"))
    network = content["networks"]["network"]
    assert network["parameters"] == sum(network["parts"].values()) > 0
    assert network["printed"] in (folder / "architecture.txt").read_text(encoding="utf-8")
    details = content["details"]
    assert (details["model.optimizer.lr"], details["n_train"], details["latent_dim"]) == (0.003, 96, 16)
    assert (details["model.target"], details["epochs"]) == ("lightning_modules.vae.VAE", 2)


def test_environment_has_versions_and_seed(folder: Path) -> None:
    (environment,) = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    assert environment["seed"] == 0
    assert environment["device"].startswith("cpu")
    assert {"torch", "git_commit", "git_dirty", "command"} <= set(environment)


def test_tensorboard_has_scalars_at_iterations_images_and_layout(folder: Path, events: EventAccumulator) -> None:
    assert [e.step for e in events.Scalars("train/kld")] == [1, 2, 3, 4, 5, 6]
    assert [e.step for e in events.Images("samples")] == [3, 6]
    assert {"samples", "reconstructions", "tsne", "curves"} <= set(events.Tags()["images"])
    layout = events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]
    assert b"KLD" in layout
    assert b"train/mse" in layout
    assert "_hparams_/session_start_info" in events.summary_metadata
    assert b"lambda_kl: 0.0001" in events.Tensors("config/text_summary")[0].tensor_proto.string_val[0]


def test_tensorboards_projector_has_test_images_with_their_attributes(folder: Path) -> None:
    (projection,) = (folder / "tensorboard").glob("*/default")
    assert len((projection / "tensors.tsv").read_text(encoding="utf-8").splitlines()) == 16
    header, *rows = (projection / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    assert header.split("\t") == ["Blond_Hair", "Male", "Smiling", "Black_Hair"]
    assert {value for row in rows for value in row.split("\t")} == {"0", "1"}
    with Image.open(projection / "sprite.png") as sprite:
        assert sprite.size == (4 * 32, 4 * 32)


def test_csv_and_tensorboard_agree(folder: Path, events: EventAccumulator) -> None:
    iterations, values = read_metrics(folder / "metrics.csv")["val/mse"]
    scalars = events.Scalars("val/mse")
    assert iterations == [e.step for e in scalars]
    np.testing.assert_allclose(values, [e.value for e in scalars], rtol=1e-5)


def test_the_objective_is_the_last_validation_loss(folder: Path, tiny_run) -> None:
    assert tiny_run[1] == pytest.approx(read_metrics(folder / "metrics.csv")["val/loss"][1][-1], rel=1e-5)
