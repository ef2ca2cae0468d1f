"""Whole runs of adaptation between two folders: any number of classes, and a target without labels."""

import functools
import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from support.class_folders import write_classes

from adversaria.config.instantiate import instantiate
from adversaria.tools import train
from datamodules.preflight import completed, preflight
from datamodules.readers.digits import DigitArrays, EmbeddedDigits
from datamodules.readers.mnist import EmbeddedMNIST

pytestmark = pytest.mark.xdist_group("runs of pairs")  # what they share is made once

CLASSES = {"big cat": 20, "dog": 120, "horse": 220}
TINY = [
    *("data=folder_pair", "data.image_size=32", "data.batch_size=8", "model.network.width=4", "trainer.max_epochs=2"),
    *("trainer.accelerator=cpu", "trainer.log_every_n_steps=1", "trainer.enable_progress_bar=false"),
    *("callbacks.progress_bar=null", "callbacks.curves=null"),
    *("callbacks.tsne.count=12", "callbacks.target_report.count=12"),
]
Run = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a source, a target with labels, and the same target without."""
    folder = tmp_path_factory.mktemp("pairs")
    write_classes(folder / "photos", CLASSES)
    write_classes(folder / "grey", dict(reversed(CLASSES.items())), grey=True)
    write_classes(folder / "unlabelled", {"": 120}, count=12, grey=True)
    return folder


@pytest.fixture(scope="module")
def run(compose: Any, place: Path) -> Run:
    """Train and test on the photos and another folder; return the record."""

    def on(name: str, *overrides: str, target: str = "grey") -> dict[str, Any]:
        roots = [f"data.source_root={place}/photos", f"data.target_root={place}/{target}"]
        return trained(
            compose(*TINY, *roots, f"data.cache_dir={place}/cache", *overrides, folder=place / name), place / name
        )

    return on


def trained(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Train and test in this process; return the record."""
    folder.mkdir()
    train.train(completed(config, preflight(config["data"], config["model"])), folder)
    return dict(json.loads((folder / "metrics.json").read_text(encoding="utf-8")))


def test_a_training_of_few_iterations_is_said_with_the_cure(
    compose: Any, place: Path, caplog: pytest.LogCaptureFixture
) -> None:
    roots = [f"data.source_root={place}/photos", f"data.target_root={place}/grey"]
    config = compose("model=dann", *TINY, *roots, f"data.cache_dir={place}/cache", folder=place)
    module = instantiate(completed(config, preflight(config["data"], config["model"]))["data"])
    module.trainer = SimpleNamespace(max_epochs=5, world_size=1)
    module.prepare_data()
    module.setup("fit")
    assert re.match(r"\d+ iterations in all are a short training; with trainer.max_epochs=\d+ ", caplog.messages[-1])


def test_exported_digits_give_the_values_of_their_sets_bit_for_bit(
    compose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (EmbeddedDigits, EmbeddedMNIST):  # the first 300 will do
        monkeypatch.setattr(kind, "load_all", functools.partialmethod(first, kind.load_all, 300))
    export = runpy.run_path(str(Path(__file__).parents[2] / "examples" / "exported_digits.py"))["main"]
    assert export(["data=digits_mnist5k", "--output", f"{tmp_path}/exported"]) == 0
    roots = [f"data.source_root={tmp_path}/exported/digits", f"data.target_root={tmp_path}/exported/mnist5k"]
    choices = {"sets": ["data=digits_mnist5k"], "folders": [*TINY[:1], *roots, "data/augmentation=colour"]}
    common = [
        "model=dann",
        *TINY[2:],
        "data.image_size=28",
        f"data.cache_dir={tmp_path}/cache",
        "trainer.limit_train_batches=4",
    ]
    found = []
    for name, chosen in choices.items():
        folder = tmp_path / name
        record = trained(compose(*chosen, *common, folder=folder), folder)
        weights = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        lines = (folder / "metrics.csv").read_text(encoding="utf-8").splitlines()
        found.append((record["metrics"], [line for line in lines if "perf/" not in line], weights))
    (metrics, curves, weights), (same_metrics, same_curves, same_weights) = found
    assert metrics == same_metrics
    assert curves == same_curves
    assert list(weights) == list(same_weights)
    assert all(torch.equal(weights[name], same_weights[name]) for name in weights)


def first(self: Any, load_all: Callable[[Any], DigitArrays], count: int) -> DigitArrays:
    return DigitArrays(*(array[:count] for array in load_all(self)))


@pytest.mark.parametrize("method", ["adamatch", "adda", "dann", "dsn", "mcc", "source_only", "target_only"])
def test_every_method_adapts_between_folders_of_three_classes(run: Run, place: Path, method: str) -> None:
    extra = {"adda": ["model.pretrain_epochs=1"], "dann": ["model.conditional=true"]}.get(method, [])
    left_out = ["callbacks.tsne=null"] if method != "dann" else []
    record = run(method, f"model={method}", *extra, *left_out)
    named = {f"test/accuracy/{name}" for name in CLASSES}
    assert named | {"test/accuracy", "test/accuracy_source", "test/accuracy_oracle"} <= set(record["metrics"])
    assert (record["protocol"]["source"], record["protocol"]["target"]) == ("photos", "grey")
    pictures = {file.name.rpartition("_")[0] for file in (place / method / "figures").glob("*.png")}
    assert pictures == {"confusion"} | ({"domains"} if method == "dann" else set())


@pytest.mark.parametrize(("target", "labelled"), [("grey", True), ("unlabelled", False)])
def test_whether_the_target_has_labels_is_known_before_the_run(
    compose: Any, place: Path, target: str, labelled: bool
) -> None:
    config = compose(*TINY, f"data.source_root={place}/photos", f"data.target_root={place}/{target}", "model=dann")
    assert preflight(config["data"], config["model"])["labelled"] == labelled


def test_no_accuracy_is_claimed_on_a_target_without_labels(run: Run, place: Path) -> None:
    record = run("unknown", "model=dann", target="unlabelled")
    measured = {name for name in record["metrics"] if name.startswith("test/")}
    assert measured == {"test/accuracy_source", "test/proxy_a_distance"}
    assert "val/oracle_accuracy" not in (place / "unknown" / "metrics.csv").read_text(encoding="utf-8")
    assert not list((place / "unknown" / "figures").glob("confusion*"))
