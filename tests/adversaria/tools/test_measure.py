"""evaluate.py --images: the values of a run again, of any folder or file; and what is wrong is one sentence."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import adversaria
import evaluate
import generate
from adversaria.config.instantiate import instantiate
from adversaria.measures import kept_classifiers
from adversaria.runs.record import write_invocation
from adversaria.tools import train

DIGITS = ["data=digits", "trainer.accelerator=cpu", "trainer.enable_progress_bar=false"]
COMPARED = ("fid", "kid", "precision", "recall", "density", "coverage")

pytestmark = pytest.mark.xdist_group("measured pictures")  # what they share is made once


@pytest.fixture(scope="module")
def classifier(compose, untrained, tmp_path_factory) -> Path:
    """A classifier of the digits that was never trained, kept in a cache of its own."""
    cache = tmp_path_factory.mktemp("cache")
    file = untrained("model=classifier", "data=digits", "model.network.width=4")
    data = instantiate(compose(*DIGITS, f"data.cache_dir={cache}")["data"])
    kept_classifiers.keep(file, data, ["digit"], {"test/accuracy": 0.1})
    return cache / "classifiers" / "digits-digit_28.ckpt"


@pytest.fixture(scope="module")
def run(compose, classifier: Path, tmp_path_factory) -> Path:
    """A GAN of three iterations, measured by that classifier at its end."""
    folder = tmp_path_factory.mktemp("gan")
    small = ["model=gan", "model.network.width=4", "trainer.max_epochs=1", "trainer.limit_train_batches=3"]
    metrics = [
        "metrics=classifier",
        "callbacks.generation_metrics.count=130",
        f"data.cache_dir={classifier.parent.parent}",
    ]
    drawn = [f"callbacks.{name}=null" for name in ("samples", "interpolation", "curves")]
    config = compose(*DIGITS, *small, *metrics, *drawn, folder=folder)
    train.train(config, folder)
    write_invocation(folder, config, {}, [])
    return folder


@pytest.fixture(scope="module")
def pictures(run: Path, tmp_path_factory) -> Path:
    """The images that were measured at the end of the run, in a folder: of the same noise in the same batches."""
    folder = tmp_path_factory.mktemp("pictures")
    options = ["-n", "130", "--seed", "3", "--batch-size", "100", "--output", str(folder), "--device", "cpu"]
    generate.main([str(run), *options])
    return folder


def measured(*arguments: Any, output: Path) -> dict[str, Any]:
    evaluate.main([*map(str, arguments), "--device", "cpu", "--output", str(output)])
    record: dict[str, Any] = json.loads(output.read_text(encoding="utf-8"))["evaluations"][-1]
    return record


def test_pictures_of_a_run_have_the_values_that_its_own_test_had(run: Path, pictures: Path, tmp_path: Path) -> None:
    at_the_end = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    before = sorted(run.rglob("*"))
    record = measured(run, "--images", pictures, output=tmp_path / "a.json")
    names = [f"test/{name}_digits-digit{floor}" for name in COMPARED for floor in ("", "_floor")]
    assert record["metrics"] == {name: at_the_end["metrics"][name] for name in names}
    same = {"data", "n_test", "n_generated", "compared_with", "neighbours", "kid_subsets", "extractor_digest"}
    assert {key: record["protocol"][key] for key in same} == {key: at_the_end["protocol"][key] for key in same}
    assert record["protocol"]["images"] == str(pictures)
    assert sorted(run.rglob("*")) == before
    assert "evaluations" not in json.loads((run / "metrics.json").read_text(encoding="utf-8"))


def test_a_reference_file_and_a_folder_have_the_same_values(run, pictures, classifier, compose, tmp_path) -> None:
    whole = measured(run, "--images", pictures, output=tmp_path / "a.json")["metrics"]
    evaluate.main([str(run), "--save-reference", str(tmp_path / "real.npz"), "--device", "cpu"])
    by_file = ["--reference", tmp_path / "real.npz", "--classifier", classifier]
    record = measured("--images", pictures, *by_file, output=tmp_path / "b.json")
    assert record["metrics"] == {name: value for name, value in whole.items() if not name.endswith("_floor")}
    assert (record["protocol"]["extractor"], record["protocol"]["data"]) == ("digits-digit", "digits")

    data = instantiate(compose(*DIGITS, f"data.cache_dir={classifier.parent.parent}")["data"])
    (tmp_path / "real").mkdir()
    for i, image in enumerate(data.pixels("test")["image"].permute(0, 2, 3, 1).numpy()):
        Image.fromarray(image).save(tmp_path / "real" / f"{i}.png")
    against = ["--against", tmp_path / "real", "--classifier", classifier]
    record = measured("--images", pictures, *against, output=tmp_path / "b.json")
    assert record["metrics"] == {
        name.replace("digits-digit", "classifier"): value for name, value in whole.items() if "_floor" not in name
    }
    evaluate.main(list(map(str, [*against, "--save-reference", tmp_path / "own.npz", "--device", "cpu"])))
    assert "/" not in json.dumps(np.load(tmp_path / "own.npz")["about"].tobytes().decode())  # no path of this machine


def test_from_python_the_values_are_the_same(run: Path, pictures: Path, tmp_path: Path) -> None:
    before = torch.get_rng_state()
    record = adversaria.evaluate(run, images=str(pictures), device="cpu")
    assert torch.equal(torch.get_rng_state(), before)
    assert record["metrics"] == measured(run, "--images", pictures, output=tmp_path / "a.json")["metrics"]
    with pytest.raises(adversaria.ConfigError, match=r"imagez: there is no such option; did you mean images\?"):
        adversaria.evaluate(imagez=pictures, against=pictures)


def test_pictures_of_another_size_are_resized_if_asked(run: Path, pictures: Path, tmp_path: Path, capsys) -> None:
    large = tmp_path / "large"
    large.mkdir()
    for file in sorted(pictures.iterdir())[:20]:
        Image.open(file).resize((56, 56), Image.Resampling.NEAREST).save(large / file.name)
    (large / "damaged.png").write_bytes(b"")
    record = measured(run, "--images", large, "--resize", "--batch-size", "7", output=tmp_path / "a.json")
    protocol = record["protocol"]
    assert (protocol["n_generated"], protocol["n_unreadable_pictures"], protocol["resized"]) == (20, 1, True)
    assert "1 of 21 pictures in" in (said := capsys.readouterr()).err
    assert "damaged.png is not a readable image (it is empty)" in said.err
    assert "nearest neighbours for precision, recall, density and coverage: 5" in said.out


def test_another_extractor_than_that_of_the_reference_is_refused(run, pictures, untrained, tmp_path, capsys) -> None:
    evaluate.main([str(run), "--save-reference", str(tmp_path / "real.npz"), "--device", "cpu"])
    other = untrained("model=classifier", "data=digits", "model.network.width=4", "model.network.num_features=64")
    arguments = map(str, ["--images", pictures, "--reference", tmp_path / "real.npz", "--classifier", other])
    with pytest.raises(SystemExit):
        evaluate.main([*arguments, "--device", "cpu"])
    said = capsys.readouterr().err
    assert "128 features of the extractor digits-digit, digest" in said
    assert "with 64; choose the same with --classifier RUN" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--images", "PICTURES"], "give one of RUN, --against DIR, --reference FILE: the real images"),
        (["RUN", "--images", "PICTURES", "--against", "PICTURES"], "RUN and --against DIR are given"),
        (["RUN", "--resize"], "there is nothing to measure; add --images DIR"),
        (["RUN", "--images", "/nowhere"], "--images /nowhere: there is no such folder"),
        (["RUN", "--images", "EMPTY"], "has no pictures; 6 or more are needed"),
        (["RUN", "--images", "TWO"], "has 2 pictures; 6 or more are needed"),
        (["RUN", "--images", "LARGE"], "has 40x40 pixels, and the images of this comparison have 28x28; add --resize"),
        (["RUN", "--images", "PICTURES", "--metrics", "none"], "does not say what measures images; add --metrics cla"),
        (["RUN", "--images", "PICTURES", "data.cache_dir=/nowhere/x"], "classifier of digits at 28 pixels yet; train"),
        (["RUN", "--images", "PICTURES", "--batch-size", "0"], "--batch-size 0: give 1 or more"),
        (["--images", "PICTURES", "--against", "PICTURES"], "no run that says what measures; add --metrics imagenet"),
        (["--images", "PICTURES", "--against", "LARGE", "--metrics", "inception"], "has 28x28 pixels, and the images"),
        (["--images", "PICTURES", "--against", "PICTURES", "--metrics", "classifier"], "--metrics classifier needs a"),
        (["--images", "PICTURES", "--against", "PICTURES", "data.root=x"], "data.root=x: without a run, only keys of"),
        (
            [
                "callbacks.generation_metrics.sed=1",
                "--images",
                "PICTURES",
                "--against",
                "PICTURES",
                "--metrics",
                "inception",
            ],
            "callbacks.generation_metrics.sed=1: what measures images has no key callbacks.generation_metrics.sed",
        ),
        (["--images", "PICTURES", "--against", "PICTURES", "--classifier", "/nowhere"], "there is no checkpoint"),
        (["--images", "PICTURES", "--reference", "LARGE/0.png"], "0.png cannot be used"),
        (
            ["--images", "PICTURES", "--against", "PICTURES", "--split", "val"],
            "--split val: this is of the data of a run",
        ),
        (["RUN", "--save-reference", "real.txt"], "give a name that ends in .npz"),
        (["RUN", "--images", "PICTURES", "--classifier", "RUN", "--metrics", "inception"], "both say what measures"),
    ],
)
def test_what_is_wrong_is_one_sentence_before_torch(
    run: Path, pictures: Path, tmp_path: Path, arguments: list[str], sentence: str, capsys, monkeypatch
) -> None:
    for name, count in (("EMPTY", 0), ("TWO", 2), ("LARGE", 7)):
        (tmp_path / name).mkdir()
        for i in range(count):
            Image.new("RGB", (40, 40)).save(tmp_path / name / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "adversaria.tools.comparison", None)  # which imports torch
    names = {"RUN": str(run), "PICTURES": str(pictures)}
    with pytest.raises(SystemExit) as left:
        evaluate.main([names.get(argument, argument) for argument in arguments])
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert sentence in said
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    "metrics",
    [
        {"_target_": "callbacks.figures.learning_curves.LearningCurves"},
        {"_target_": "callbacks.metrics.generation.GenerationMetrics", "extractor": {"weights": "x"}},
        {"_target_": "callbacks.metrics.generation.GenerationMetrics", "extractor": None, "split": "train"},
        {
            "_target_": "callbacks.metrics.generation.GenerationMetrics",
            "extractor": {"_target_": "adversaria.measures.extractors.ChosenClassifier", "_partial_": True, "file": 1},
        },
    ],
)
def test_what_a_run_from_elsewhere_measures_with_is_an_extractor_or_one_sentence(
    run: Path, pictures: Path, tmp_path: Path, metrics: dict[str, Any], capsys
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    config["callbacks"]["generation_metrics"] = metrics
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        evaluate.main([str(folder), "--images", str(pictures), "--device", "cpu"])
    assert left.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_checkpoint_of_another_model_is_no_classifier(run: Path, pictures: Path, capsys) -> None:
    with pytest.raises(SystemExit):
        evaluate.main([str(run), "--images", str(pictures), "--classifier", str(run), "--device", "cpu"])
    assert "is a checkpoint of GAN; give one of model=classifier" in capsys.readouterr().err
