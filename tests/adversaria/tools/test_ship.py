"""A trained classifier becomes one that ships: its weights, and a record without places of the machine."""

import json
from pathlib import Path

import pytest
import torch

from adversaria.config.errors import ConfigError
from adversaria.measures import shipped_classifiers
from adversaria.measures.extractors import ReferenceFeatures
from adversaria.runs.record import write_invocation
from adversaria.tools import ship, train


@pytest.fixture(scope="module")
def run(compose, cache_dir: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    words = [
        "model=classifier",
        "data=digits",
        "model.network.width=2",
        "trainer.max_epochs=1",
        "trainer.accelerator=cpu",
    ]
    config = compose(*words, "trainer.enable_progress_bar=false", f"data.cache_dir={cache_dir}", folder=folder)
    write_invocation(folder, config, {}, [*words, f"data.cache_dir={cache_dir}", "output_root=/elsewhere"])
    train.train(config, folder)
    return folder


def test_it_measures_as_soon_as_it_was_shipped(run: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(shipped_classifiers, "FOLDER", tmp_path)
    file = ship.ship(run, "mine", ["digits", "mnist"], tmp_path)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["mine.json", "mine.safetensors"]
    said = json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))
    measured = json.loads((run / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    assert said["metrics"]["test/accuracy"] == measured["test/accuracy"]
    assert said["data"] == ["digits", "mnist"]
    assert said["command"].startswith("python train.py model=classifier data=digits model.network.width=2")
    assert "elsewhere" not in json.dumps(said)
    assert "cache" not in json.dumps(said)
    extractor = ReferenceFeatures(None, "mine").eval()
    assert (extractor.name, extractor.accuracy) == ("reference-mine", measured["test/accuracy"])
    assert extractor(torch.zeros(2, 3, 28, 28, dtype=torch.uint8)).shape == (2, 128)
    assert file.stat().st_size < shipped_classifiers.LARGEST


def test_one_that_is_too_large_is_refused_and_leaves_nothing(run: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(ship, "LARGEST", 1000)
    with pytest.raises(ConfigError, match=r"1,000 may be shipped; train one of less model\.network\.width"):
        ship.ship(run, "mine", ["digits"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_tested_classifier_is_refused(untrained, tmp_path: Path, tiny_run) -> None:
    for given in (untrained("model=classifier", "data=digits", "model.network.width=2"), tiny_run[0]):
        with pytest.raises(ConfigError, match="is not the run folder of a classifier that was tested"):
            ship.ship(given, "mine", ["digits"], tmp_path)
