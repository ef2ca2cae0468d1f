"""Extractors end to end: a classifier is trained, kept, found again and measures; Inception's weights from a file."""

import contextlib
import json
import os
import pickle
import re
import sys
import types
import urllib.error
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.measures.extractors import ClassifierFeatures, InceptionFeatures
from adversaria.tools import train
from callbacks.metrics.generation import GenerationMetrics
from callbacks.record.keep_classifier import KeepClassifier
from lightning_modules.losses import predict_labels

pytestmark = pytest.mark.xdist_group("extractors")  # what they share is made once

QUIET = ["callbacks.progress_bar=null", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"]
DIGITS = ["data=digits", *QUIET]
COMPARED = ("fid", "kid", "precision", "recall", "density", "coverage")
CLASSIFIER = ["model=classifier", "model.network.width=4", "data.batch_size=64", "model.optimizer.lr=1e-2"]


@pytest.fixture(scope="module")
def classified(compose, tmp_path_factory) -> tuple[Path, Path]:
    """The run folder and the cache of a finished classifier of the embedded digits."""
    folder, cache = tmp_path_factory.mktemp("classifier"), tmp_path_factory.mktemp("cache")
    config = compose(*DIGITS, *CLASSIFIER, "trainer.max_epochs=2", f"data.cache_dir={cache}", folder=folder)
    train.train(config, folder)
    return folder, cache


@pytest.fixture(scope="module")
def measured(compose, tmp_path_factory, classified) -> dict:
    """metrics.json of an ACGAN measured by that classifier."""
    folder = tmp_path_factory.mktemp("acgan")
    short = ["data.batch_size=256", "trainer.max_epochs=1", "callbacks.generation_metrics.count=200"]
    model = ["model=acgan", "model.network.width=4", "metrics=classifier", f"data.cache_dir={classified[1]}"]
    train.train(compose(*DIGITS, *model, *short, folder=folder), folder)
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def digits(compose, cache: Path):
    datamodule = instantiate(compose(*DIGITS, f"data.cache_dir={cache}")["data"])
    datamodule.prepare_data()
    return datamodule


# -- our own classifier
def test_a_trained_classifier_is_kept_in_the_cache_with_its_accuracy(classified) -> None:
    folder, cache = classified
    assert len(list((folder / "figures").glob("confusion_*.png"))) == 1
    names = {p.name for p in (cache / "classifiers").iterdir()}
    assert names == {"digits-digit_28.ckpt", "digits-digit_28.json"}
    kept = json.loads((cache / "classifiers" / "digits-digit_28.json").read_text(encoding="utf-8"))
    assert (
        kept["test/accuracy"]
        == json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["metrics"]["test/accuracy"]
    )
    assert kept["test/accuracy"] > 0.3  # two epochs of a tiny network; chance is 0.1


def test_the_extractor_is_as_right_on_bytes_as_the_classifier_was_in_its_test(compose, classified) -> None:
    datamodule = digits(compose, classified[1])
    extractor = ClassifierFeatures(datamodule).eval()
    batch = datamodule.loader("test").gather(range(360))
    assert batch["image"].dtype == torch.uint8
    right = predict_labels(extractor.logits(batch["image"]), [10]) == batch["labels"]
    assert right.float().mean().item() == pytest.approx(extractor.accuracy, abs=1e-6)
    assert extractor(batch["image"]).shape == (360, extractor.num_features) == (360, 128)
    features, logits = extractor.both(batch["image"])
    assert torch.equal(features, extractor(batch["image"]))
    assert torch.equal(logits, extractor.logits(batch["image"]))
    assert (extractor.name, extractor.labels) == ("digits-digit", ["digit"])


def test_the_figures_of_a_run_are_named_by_data_and_kind_of_label(measured) -> None:
    metrics = {k: v for k, v in measured["metrics"].items() if "digits-digit" in k}
    distances = {f"test/{k}_digits-digit{end}" for k in COMPARED for end in ("", "_floor")}
    accuracies = {"test/label_accuracy_digits-digit", *(f"test/label_accuracy_digits-digit/{d}" for d in range(10))}
    assert metrics.keys() == {"test/is_digits-digit"} | distances | accuracies
    assert metrics["test/fid_digits-digit"] > metrics["test/fid_digits-digit_floor"] > 0
    assert 1 <= metrics["test/is_digits-digit"] <= 10
    of_each = [metrics[f"test/label_accuracy_digits-digit/{d}"] for d in range(10)]
    assert metrics["test/label_accuracy_digits-digit"] == pytest.approx(sum(of_each) / 10, abs=1e-6)


def test_the_protocol_names_the_extractor_its_accuracy_and_the_counts(measured, classified) -> None:
    kept = json.loads((classified[1] / "classifiers" / "digits-digit_28.json").read_text(encoding="utf-8"))
    protocol = measured["protocol"]
    assert (protocol["extractor"], protocol["extractor_labels"]) == ("digits-digit", ["digit"])
    assert re.fullmatch(r"[0-9a-f]{8}", protocol["extractor_digest"])
    assert protocol["extractor_accuracy"] == kept["test/accuracy"]
    assert (protocol["n_generated"], protocol["compared_with"], protocol["n_test"]) == (200, "test", 360)


def test_without_a_classifier_the_run_ends_before_training_and_says_what_to_do(compose, tmp_path) -> None:
    config = compose(*DIGITS, "model=gan", "metrics=classifier", f"data.cache_dir={tmp_path / 'c'}", folder=tmp_path)
    with pytest.raises(ConfigError, match=r"no classifier of digits at 28 pixels.*model=classifier") as caught:
        train.train(config, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "metrics.csv").exists()
    assert not (tmp_path / "checkpoints").exists()


@pytest.mark.parametrize("tested", ["last", "best"])
def test_the_kept_weights_are_those_that_all_test_images_tested(trainer_on, tmp_path, tested: str) -> None:
    trainer = trainer_on([[0]])
    trainer.datamodule.attributes, trainer.datamodule.image_size = ["digit"], 4
    reader = types.SimpleNamespace(name="x", attributes=lambda: ["digit"])
    trainer.datamodule.reader, trainer.datamodule.cache_dir = reader, tmp_path / "cache"
    trainer.datamodule.cache = types.SimpleNamespace(folder=tmp_path / "x_4_0")
    trainer.callback_metrics["test/accuracy"] = 0.5
    (tmp_path / "checkpoints").mkdir()
    for name in ("last", "best"):
        (tmp_path / "checkpoints" / f"{name}.ckpt").write_text(name, encoding="utf-8")
    # as train.py calls trainer.test: with a path for the best, without one for the weights as they are
    trainer.ckpt_path = None if tested == "last" else str(tmp_path / "checkpoints" / "best.ckpt")
    trainer.num_test_batches, trainer.test_dataloaders = [2], range(2)
    KeepClassifier().on_test_end(trainer, types.SimpleNamespace(labels=["digit"]))  # type: ignore[arg-type]
    assert (tmp_path / "cache" / "classifiers" / "x-digit_4.ckpt").read_text(encoding="utf-8") == tested
    trainer.num_test_batches, trainer.callback_metrics["test/accuracy"] = [1], 1.0  # of which nothing can be compared
    trainer.ckpt_path = str(tmp_path / "checkpoints" / ("best.ckpt" if tested == "last" else "last.ckpt"))
    KeepClassifier().on_test_end(trainer, types.SimpleNamespace(labels=["digit"]))  # type: ignore[arg-type]
    assert (tmp_path / "cache" / "classifiers" / "x-digit_4.ckpt").read_text(encoding="utf-8") == tested


def test_a_vae_is_measured_by_a_classifier_of_attributes(compose, tiny, tmp_path) -> None:
    faces = [*[o for o in tiny if "model." not in o and "tsne" not in o], "trainer.max_epochs=1"]
    cache = f"data.cache_dir={tmp_path / 'cache'}"
    for name, model in (
        ("classifier", ["model=classifier", "model.network.width=2"]),
        ("vae", ["metrics=classifier", "callbacks.generation_metrics.count=24", *tiny, "trainer.max_epochs=1"]),
    ):
        (tmp_path / name).mkdir()
        train.train(compose(*faces, *model, cache, folder=tmp_path / name), tmp_path / name)
    metrics = json.loads((tmp_path / "vae" / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    of_features = {k for k in metrics if "attr" in k}
    assert of_features == {
        f"test/{k}_synthetic_faces-attr{end}" for k in COMPARED for end in ("", "_floor", "_mixture")
    }
    kept = json.loads((tmp_path / "cache/classifiers/synthetic_faces-attr_64.json").read_text(encoding="utf-8"))
    assert {"test/accuracy", "test/accuracy/Smiling", "test/accuracy/Male"} <= kept.keys()
    figures = json.loads((tmp_path / "classifier" / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    assert 0 < figures["test/average_precision/Male"] <= 1
    events = EventAccumulator(str(tmp_path / "classifier" / "tensorboard")).Reload()
    assert events.summary_metadata["precision/Male"].plugin_data.plugin_name == "pr_curves"


def test_keeping_a_model_that_does_not_classify_is_refused(unconditional) -> None:
    with pytest.raises(ConfigError, match=r"KeepClassifier needs a model that is a Classifier.*leave it out$"):
        KeepClassifier().setup(pl.Trainer(logger=False, accelerator="cpu"), unconditional, "fit")


# -- Inception
@pytest.fixture(scope="module")
def inception_weights(tmp_path_factory) -> Path:
    """A file of random weights of the right shapes."""
    from torch_fidelity import feature_extractor_inceptionv3 as inception

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inception, "load_state_dict_from_url", lambda *args, **kwargs: {})
        patch.setattr(inception.FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
        torch.manual_seed(0)
        network = inception.FeatureExtractorInceptionV3("inception", ["2048"])
    file = tmp_path_factory.mktemp("inception") / "weights.pth"
    torch.save(network.state_dict(), file)
    return file


@pytest.fixture(scope="module")
def inception(inception_weights) -> InceptionFeatures:
    return InceptionFeatures(None, weights=str(inception_weights))


def test_inception_maps_bytes_to_features_and_logits_without_bias(inception, inception_weights) -> None:
    images = torch.randint(0, 256, (2, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    features, logits = inception(images), inception.logits(images)
    assert features.shape == (2, 2048) == (2, inception.num_features)
    assert logits.shape == (2, 1008)
    last = torch.load(inception_weights, weights_only=True)["fc.weight"]
    torch.testing.assert_close(logits, features @ last.T)
    assert not torch.equal(features[0], features[1])
    assert not any(p.requires_grad for p in inception.parameters())


def test_figures_over_inception_are_named_so(inception_weights, compose, conditional, trainer_on) -> None:
    node = compose("model=gan", "metrics=inception")["callbacks"]["generation_metrics"]["extractor"]
    make = instantiate({**node, "weights": str(inception_weights), "features": 64})
    callback = GenerationMetrics(make, count=4)
    trainer, module = trainer_on([[0]] * 4), conditional("digit")
    callback.setup(trainer, module, "test")
    callback.on_test_epoch_end(trainer, module)
    names = {f"test/{k}_inception" for k in ("fid", "kid", "is")}
    assert module.recorded.keys() == names | {f"test/{k}_inception_floor" for k in ("fid", "kid")}
    assert callback.protocol()["extractor"] == "inception"


def refused(text: str, weights: Path | None) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        InceptionFeatures(None, weights=None if weights is None else str(weights))
    assert "\n" not in str(caught.value)
    assert "metrics=inception" in str(caught.value)


def test_missing_weights_are_named_with_the_key_to_set(tmp_path) -> None:
    refused(r"nowhere\.pth.*callbacks\.generation_metrics\.extractor\.weights", tmp_path / "nowhere.pth")


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04cut short"])
def test_damaged_weights_are_refused(tmp_path, content: bytes) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(content)
    refused(r"extractor\.weights", file)


def test_weights_of_another_network_are_refused(tmp_path) -> None:
    torch.save({"layer.weight": torch.zeros(2, 2)}, tmp_path / "weights.pth")
    refused(r"extractor\.weights", tmp_path / "weights.pth")


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("save", [torch.save, lambda content, file: file.write_bytes(pickle.dumps(content))])
def test_a_file_that_would_run_code_is_refused_and_does_not_run(tmp_path, save) -> None:
    file, trace = tmp_path / "weights.pth", tmp_path / "trace"
    save({"fc.weight": Hostile(trace)}, file)
    refused(r"extractor\.weights", file)
    assert not trace.exists()
    with contextlib.suppress(RuntimeError):  # a bare pickle is no checkpoint, as torch finds out too late
        torch.load(file, weights_only=False)
    assert trace.exists()  # it would have run


def test_a_pipe_is_no_file_of_weights(tmp_path) -> None:
    os.mkfifo(tmp_path / "weights.pth")
    refused("is not a regular file", tmp_path / "weights.pth")


def test_without_torch_fidelity_the_installation_is_named(monkeypatch, inception_weights) -> None:
    for name in ("torch_fidelity", "torch_fidelity.feature_extractor_inceptionv3"):
        monkeypatch.setitem(sys.modules, name, None)
    refused(r"pip install -e '\.\[inception\]'", inception_weights)


@pytest.mark.parametrize("error", [urllib.error.URLError("no route to host"), TimeoutError()])
def test_a_download_that_fails_is_one_sentence(monkeypatch, error: Exception) -> None:
    from torch_fidelity import feature_extractor_inceptionv3

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(feature_extractor_inceptionv3, "load_state_dict_from_url", fail)
    refused(r"no weights.*extractor\.weights", None)
