"""Whole runs of the adversarial methods on the embedded digits: what each leaves in its folder."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import lightning_modules
from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.images.grid import enlarged, grid, to_uint8
from adversaria.images.sampling import sample_like_data
from adversaria.runs.curves import read_metrics
from adversaria.tools import train

pytestmark = pytest.mark.xdist_group("runs of GANs")  # what they share is made once

METHODS = ["gan", "wgan", "acgan"]
TINY = [
    *("data=digits", "metrics=none", "data.batch_size=256", "model.network.width=4", "trainer.max_epochs=2"),
    *("trainer.log_every_n_steps=1", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"),
    "callbacks.progress_bar=null",
]
EPOCH = 5  # batches of 256 of 1,322 images
LAST = 2 * EPOCH


class Run(NamedTuple):
    """A finished run."""

    method: str
    folder: Path
    config: dict[str, Any]
    result: float | None

    @property
    def curves(self) -> dict[str, tuple[list[int], list[float]]]:
        return read_metrics(self.folder / "metrics.csv")


@pytest.fixture(scope="module")
def runs(compose, tmp_path_factory):
    """Finished runs by method, each made when it is first asked for."""
    cache, done = tmp_path_factory.mktemp("cache"), {}

    def of(method: str) -> Run:
        if method not in done:
            folder = tmp_path_factory.mktemp(method)
            config = compose(*TINY, f"model={method}", f"data.cache_dir={cache}", folder=folder)
            done[method] = Run(method, folder, config, train.train(config, folder))
        return done[method]

    return of


@pytest.fixture(params=METHODS)
def run(request: pytest.FixtureRequest, runs) -> Run:
    return runs(request.param)


def picture(run: Run, name: str) -> np.ndarray:
    with Image.open(run.folder / "figures" / name) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def test_the_pictures_of_a_run(run: Run) -> None:
    numbered = {"samples": [EPOCH, LAST], "curves": [EPOCH, LAST], "interpolation": [LAST]}
    if run.method == "acgan":
        numbered["labels"] = [EPOCH, LAST]
    expected = {f"{name}_{n:07d}.png" for name, numbers in numbered.items() for n in numbers} | {"samples.gif"}
    assert {p.name for p in (run.folder / "figures").iterdir()} == expected
    assert all(picture(run, name).std() > 1 for name in expected)
    size = 2 * 28 + 2  # enlarged by whole pixels
    assert picture(run, f"samples_{LAST:07d}.png").shape == (4 * size - 2, 8 * size - 2, 3)
    assert picture(run, f"interpolation_{LAST:07d}.png").shape == (6 * size - 2, 8 * size - 2, 3)
    with Image.open(run.folder / "figures" / "samples.gif") as moving:
        assert moving.n_frames == 2


def test_every_training_iteration_is_logged_once(run: Run) -> None:
    every = list(range(1, LAST + 1))
    due = [3, 6, 9] if run.method == "wgan" else every  # one step of the generator to three of the critic
    names = {
        "train/loss_d": every,
        "train/loss_g": due,
        "health/diversity": [EPOCH, LAST],
        "health/nearest": [EPOCH, LAST],
    }
    judged = ["wasserstein"] if run.method == "wgan" else ["accuracy_real", "accuracy_fake"]
    names |= {f"{stage}/{name}": x for stage, x in (("train", every), ("val", [EPOCH, LAST])) for name in judged}
    names |= {f"optim/lr_{side}": every for side in ("discriminator", "generator")}
    for name, iterations in names.items():
        assert run.curves[name][0] == iterations, name
    # not joined by read_metrics from repeated lines: the file itself has each once
    assert (run.folder / "metrics.csv").read_text(encoding="utf-8").count(",train/loss_d,") == LAST
    assert all(np.isfinite(values).all() for _, values in run.curves.values())


def test_the_terms_of_a_method_are_logged(run: Run) -> None:
    extra = {
        "gan": {"r1": [1]},  # lazily, every 16 iterations, beginning with the first
        "wgan": {"gradient_penalty": list(range(1, LAST + 1))},
        "acgan": {"r1": [1], **{n: list(range(1, LAST + 1)) for n in ("label_loss_d", "label_accuracy_real")}},
    }[run.method]
    terms = {name.removeprefix("train/") for name in run.curves if name.startswith("train/")}
    assert {name: run.curves[f"train/{name}"][0] for name in extra} == extra
    assert ("accuracy_real" in terms) != ("wasserstein" in terms)
    assert ("label_loss_g" in terms) == (run.method == "acgan")


def test_the_learning_rates_of_both_sides_are_the_configured_ones(run: Run) -> None:
    for side in ("discriminator", "generator"):
        rate = run.config["model"][side]["optimizer"]["lr"]
        assert run.curves[f"optim/lr_{side}"][1] == pytest.approx([rate] * LAST)


def test_tensorboard_has_the_same_points_and_the_pictures(run: Run) -> None:
    events = EventAccumulator(str(run.folder / "tensorboard"), size_guidance={"scalars": 0, "images": 0}).Reload()
    curves = {name: curve for name, curve in run.curves.items() if not name.startswith("test/")}
    assert set(curves) <= set(events.Tags()["scalars"])
    for name, (iterations, values) in curves.items():
        points = events.Scalars(name)
        assert [p.step for p in points] == iterations, name
        np.testing.assert_allclose([p.value for p in points], values, rtol=1e-4, atol=1e-6)
    pictures = {"samples": [EPOCH, LAST], "curves": [EPOCH, LAST], "interpolation": [LAST]}
    pictures |= {"labels": [EPOCH, LAST]} if run.method == "acgan" else {}
    assert {name: [i.step for i in events.Images(name)] for name in events.Tags()["images"]} == pictures
    layout = events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0]
    assert b"train/loss_g" in layout


def test_only_the_last_checkpoint_is_kept_and_it_is_of_the_end(run: Run) -> None:
    assert [p.name for p in (run.folder / "checkpoints").iterdir()] == ["last.ckpt"]
    saved = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert saved["adversaria"]["iteration"] == LAST
    assert saved["adversaria"]["model"] == run.config["model"]
    assert saved["adversaria"]["images"] == LAST * 256
    assert saved["adversaria"]["update_counts"] == {
        "discriminator": LAST,
        "generator": 3 if run.method == "wgan" else LAST,
    }
    assert run.result is None  # no objective without a monitored metric


def test_a_loaded_module_samples_what_the_trained_one_did(run: Run) -> None:
    module: Any = lightning_modules.load(run.folder)
    assert not module.training
    assert module.iteration == LAST
    datamodule = instantiate(run.config["data"])
    images = sample_like_data(module, datamodule, module.noise(32, seed=0))
    assert images.shape == (32, 3, 28, 28)
    assert images.min() >= -1
    assert images.max() <= 1
    page = grid(enlarged(to_uint8(images, module.value_range)), columns=8).astype(int)
    assert np.abs(page - picture(run, f"samples_{LAST:07d}.png")).max() <= 1  # of 255: rounding
    assert np.abs(page - picture(run, f"samples_{EPOCH:07d}.png")).max() > 1
    assert torch.equal(module.noise(32, seed=0), module.noise(32, seed=0))
    torch.testing.assert_close(sample_like_data(module, datamodule, module.noise(32, seed=0)), images)
    assert module.sample(3).shape == (3, 3, 28, 28)


def test_samples_are_those_of_the_averaged_weights(run: Run) -> None:
    module: Any = lightning_modules.load(run.folder)
    noise, labels = module.noise(4, seed=0), torch.arange(4).view(4, 1) if run.method == "acgan" else None
    images = module.sample(4, noise) if labels is None else module.sample(4, noise, labels)
    with torch.no_grad():
        torch.testing.assert_close(images, module.ema.network(noise, labels))
        assert not torch.equal(images, module.network.generator(noise, labels))


def test_architecture_says_where_the_sigmoid_is(run: Run) -> None:
    text = (run.folder / "architecture.txt").read_text(encoding="utf-8")
    said = dict(re.findall(r"^  (\S.*?)  +(.*)$", text.split("Implementation details\n")[1], re.MULTILINE))
    details = json.loads((run.folder / "architecture.json").read_text(encoding="utf-8"))["details"]
    if run.method == "wgan":
        assert said["discriminator output"] == "critic values, no sigmoid"
        assert (details["discriminator_output"], details["discriminator_loss"]) == (
            "critic_values",
            "wasserstein_critic",
        )
    else:
        assert said["discriminator output"] == "logits"
        assert re.search(r"binary cross-entropy with logits; it includes the Sigmoid", said["discriminator loss"])
        assert details["discriminator_loss"] == "cross_entropy_discriminator"
    assert "Sigmoid(" not in text  # nor is there one in the networks
    assert "network.generator: " in text
    assert "network.discriminator: " in text
    for side in ("generator", "discriminator"):
        assert details[f"model.{side}.optimizer.target"] == "torch.optim.Adam"
    assert (said["epochs"], details["epochs"]) == ("2", 2)


def test_metrics_json_and_the_curves_of_the_test(run: Run) -> None:
    record = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))
    names = ["test/wasserstein"] if run.method == "wgan" else ["test/accuracy_fake", "test/accuracy_real"]
    names += ["test/label_accuracy_real"] if run.method == "acgan" else []
    assert sorted(record["metrics"]) == names
    assert (record["protocol"]["data"], record["protocol"]["iteration"]) == ("digits", LAST)


def test_testing_the_best_weights_without_a_best_is_refused_before_training(compose, tmp_path) -> None:
    config = compose(*TINY, "model=gan", "test=best", f"data.cache_dir={tmp_path / 'cache'}", folder=tmp_path)
    with pytest.raises(ConfigError, match=r"test=best.*test=last"):
        train.train(config, tmp_path)
    assert not (tmp_path / "metrics.csv").exists()
