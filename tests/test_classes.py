"""Labels of any number of classes, from the data through training, measuring and drawing to the tools."""

from __future__ import annotations

import json
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from support import shapes
from torch.nn import functional

import generate
import lightning_modules
from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.images.sampling import labels_from_text
from adversaria.measures import kept_classifiers
from adversaria.runs.objective import check_metrics, logged
from adversaria.runs.record import write_invocation
from adversaria.tools import export, train
from adversaria.tools.evaluate import evaluate
from adversaria.tools.explorer import Explorer
from datamodules.preflight import completed, preflight
from lightning_modules.acgan import ACGAN
from lightning_modules.losses import label_loss, predict_labels
from lightning_modules.networks.classifier import ConvClassifier
from lightning_modules.networks.lab_gan import UpsamplingACGAN

SMALL = [
    *("data=digits", "labels=null", "data.batch_size=16", "model.network.width=4", "callbacks.curves=null"),
    *("trainer.max_epochs=1", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"),
]
KIND = shapes.names_of(12)


@pytest.fixture(scope="module")
def configured(compose, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Compose, and fill in the labels of data with so many classes, as train.py does."""
    cache = tmp_path_factory.mktemp("cache")

    def configure(count: int, *overrides: str, folder: Path = Path("unused")) -> dict[str, Any]:
        config = compose(*SMALL, *overrides, f"data.cache_dir={cache}", folder=folder)
        config["data"]["reader"] = shapes.node(count)
        return completed(config, preflight(config["data"], config["model"]))

    return configure


@pytest.fixture(scope="module")
def runs(configured, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, dict[str, Any]]]:
    """A classifier of twelve classes, and an ACGAN that it measures: folder and configuration of each."""
    done = {}
    for model in ("classifier", "acgan"):
        folder = tmp_path_factory.mktemp(model)
        metrics = ["metrics=classifier", "callbacks.generation_metrics.count=24"] if model == "acgan" else []
        label_images = ["callbacks.generation_metrics.label_images=24"] if metrics else []
        config = configured(12, f"model={model}", *metrics, *label_images, folder=folder)
        write_invocation(folder, config, {}, [])
        train.train(config, folder)
        done[model] = folder, config
    return done


def measured(folder: Path) -> dict[str, float]:
    values: dict[str, float] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    return values


# -- networks and losses
@pytest.mark.parametrize("count", [2, 3, 12, 200])
def test_an_acgan_learns_any_number_of_classes(count: int, configured) -> None:
    config = configured(count, "model=acgan")
    module, data = instantiate(config["model"]), instantiate(config["data"])
    assert isinstance(module, ACGAN)
    module.check_data(data)
    assert (module.sizes, module.classes) == ([count, 2], {"class": shapes.names_of(count)})
    labels = module.labels_of(data.images("train", max(48, count)))
    assert labels[:, 0].unique().tolist() == list(range(count))
    images = module.sample(4, labels=labels[:4])
    _, logits = module.network.discriminator(images)
    assert logits.shape == (4, (1 if count == 2 else count) + 1)
    assert predict_labels(logits, module.sizes).shape == (4, 2)
    assert module.some_labels(count + 1)[:, 0].tolist() == [*range(count), 0]
    same = module.sample(2, module.noise(1, 0).repeat(2, 1), torch.tensor([[0, 0], [count - 1, 0]]))
    assert not torch.equal(same[0], same[1])


def test_the_loss_of_a_class_is_its_cross_entropy() -> None:
    logits, labels = torch.randn(5, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([[2, 1]] * 5)
    expected = functional.cross_entropy(logits[:, :3], labels[:, 0])
    expected = (expected + functional.binary_cross_entropy_with_logits(logits[:, 3], torch.ones(5))) / 2
    assert torch.allclose(label_loss(logits, labels, [3, 2]), expected)


def test_other_networks_take_classes_too() -> None:
    pets = {"class": ["cat", "dog", "horse"]}
    network = UpsamplingACGAN(latent_dim=4, labels=("class",), classes=pets)
    assert network.generator.condition.embeddings[0].num_embeddings == 3
    assert ConvClassifier(("class", "Male"), width=2, classes=pets).head[1].out_features == 4


# -- data
def test_more_than_127_classes_pass_through_the_cache(configured) -> None:
    data = instantiate(configured(200, "model=acgan")["data"])
    assert data.cache.splits["train"].labels.dtype == np.int16
    assert next(iter(data.loader("test")))["labels"][:, 0].tolist() == list(range(16))
    assert int(data.pixels("train")["labels"][:, 0].max()) == 199
    assert data.classes == {"class": shapes.names_of(200)}


# -- runs
def test_labels_and_classes_are_recorded_and_in_the_checkpoint(runs) -> None:
    folder, _ = runs["acgan"]
    saved = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
    assert saved["labels"] == saved["model"]["network"]["labels"] == ["class", "Bright"]
    assert saved["classes"] == saved["model"]["network"]["classes"] == {"class": KIND}
    module = lightning_modules.load(folder)
    assert (module.labels, module.classes) == (["class", "Bright"], {"class": KIND})


def test_a_run_of_classes_goes_on_where_it_was(runs, configured, tmp_path: Path) -> None:
    last = runs["classifier"][0] / "checkpoints" / "last.ckpt"
    config = configured(12, "model=classifier", "trainer.max_epochs=2", "test=null", folder=tmp_path)
    train.train({**config, "ckpt_path": str(last)}, tmp_path)
    assert lightning_modules.load(tmp_path).iteration == 2 * lightning_modules.load(last).iteration


def test_an_acgan_is_measured_class_by_class(runs) -> None:
    values = measured(runs["acgan"][0])
    name = "label_accuracy_shapes-attr"
    assert {f"test/{name}/{kind}" for kind in KIND} <= set(values)
    assert {f"test/{name}", f"test/{name}/Bright", "test/pair_accuracy_shapes-attr/Bright"} <= set(values)
    again = evaluate(runs["acgan"][1], runs["acgan"][0] / "checkpoints" / "last.ckpt", device="cpu")["metrics"]
    assert again[f"test/{name}"] == values[f"test/{name}"]


def test_a_classifier_of_other_classes_does_not_measure(runs, configured) -> None:
    config = configured(3, "model=acgan", "metrics=classifier")
    assert kept_classifiers.find(instantiate(config["data"])) is None
    with pytest.raises(ConfigError, match=r"there is no classifier of shapes at 28 pixels yet"):
        kept_classifiers.check(config)
    kept_classifiers.check(runs["acgan"][1])


def test_the_objective_can_be_the_accuracy_of_a_class(configured) -> None:
    config = configured(12, "model=classifier", "labels=[class]")
    assert "test/accuracy/dog" in logged(config)
    with pytest.raises(ConfigError, match="did you mean test/accuracy/dog"):
        check_metrics({**config, "objective": "test/accuracy/dgo"})
    assert "test/accuracy/class" in logged(configured(12, "model=classifier"))


def test_pictures_are_drawn(runs) -> None:
    pictures = {model: {f.name for f in (folder / "figures").iterdir()} for model, (folder, _) in runs.items()}
    assert "labels_0000003.png" in pictures["acgan"]
    assert "confusion_0000003.png" in pictures["classifier"]


# -- tools
def test_generate_takes_a_class_by_its_name_or_number(runs, tmp_path: Path) -> None:
    made = []
    for value in ("dog", "1"):
        output = tmp_path / f"{value}.npz"
        arguments = [str(runs["acgan"][0]), "-n", "14", "--label", f"class={value}", "--output", str(output)]
        generate.main([*arguments, "--device", "cpu"])
        with np.load(output) as arrays:
            assert arrays["label_names"].tolist() == ["class", "Bright"]
            assert arrays["labels"].tolist() == [[1, 0]] * 12 + [[1, 1]] * 2
            made.append(arrays["images"])
    assert np.array_equal(*made)


def test_a_wrong_class_is_told_which_there_are(runs) -> None:
    module = lightning_modules.load(runs["acgan"][0])
    with pytest.raises(ConfigError) as error:
        labels_from_text(module, ["class=dgo"], 2)
    assert str(error.value) == (
        "--label class=dgo: write class=VALUE, one of cat, dog, kind 2, kind 3, kind 4, kind 5, kind 6, kind 7 and 4 "
        "more, or a value from 0 to 11; did you mean dog?"
    )


def test_an_exported_program_says_what_its_classes_are(runs) -> None:
    meaning = export.meaning(lightning_modules.load(runs["acgan"][0]))
    assert meaning["values"] == {"class": KIND, "Bright": ["no", "yes"]}


def test_the_explorer_has_a_menu_of_classes(runs) -> None:
    module = lightning_modules.load(runs["acgan"][0])
    explorer = Explorer(module, {}, None)
    menu, switch = explorer.sliders["Labels"].values()
    assert (menu.names, menu.high, switch.names) == (tuple(KIND), 11, ())
    settings = {**explorer.initial, "class": 3, "Bright": 1, "images": 2}
    expected = module.sample(2, module.noise(16, 0)[:2], torch.tensor([[3, 1], [3, 1]]))
    assert np.abs(explorer.draw(settings) - ((expected + 1) * 127.5).permute(0, 2, 3, 1).numpy()).max() < 1.5


def test_a_label_may_be_called_as_another_setting() -> None:
    network = types.SimpleNamespace(labels=["images", "seed"], classes={}, truncation=None)
    assert list(Explorer(network, {}, None).sliders["Labels"]) == ["label images", "label seed"]
