"""Classifiers are kept by data and labels: none replaces one that measures generators, unless it is better."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import pytest

from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.measures import kept_classifiers

ALL = ["Male", "Smiling", "Young"]


def data_of(tmp_path: Path, cache: str = "faces_32_a") -> Any:
    reader = types.SimpleNamespace(name="faces", attributes=lambda: ALL)
    folder = types.SimpleNamespace(folder=tmp_path / "cache" / cache)
    return types.SimpleNamespace(
        reader=reader, attributes=ALL, classes={}, image_size=32, cache_dir=tmp_path / "cache", cache=folder
    )


@pytest.fixture
def keep(tmp_path: Path):
    """Keep a file as the checkpoint of a classifier, and return what stays in its place."""
    number = iter(range(100))

    def put(labels: list[str], accuracy: float, cache: str = "faces_32_a") -> kept_classifiers.Kept | None:
        checkpoint = tmp_path / "last.ckpt"
        checkpoint.write_text(f"classifier {next(number)}", encoding="utf-8")
        return kept_classifiers.keep(checkpoint, data_of(tmp_path, cache), labels, {"test/accuracy": accuracy})

    return put


def files(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "cache" / "classifiers"
    return {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.ckpt")}


def test_one_of_fewer_labels_is_kept_beside_that_of_all_which_measures(keep, tmp_path: Path) -> None:
    assert keep(ALL, 0.8) is None
    assert keep(["Smiling"], 0.99) is None
    assert len(files(tmp_path)) == 2
    assert files(tmp_path)["faces-attr_32.ckpt"] == "classifier 0"
    found = kept_classifiers.find(data_of(tmp_path))
    assert found is not None
    assert (found.file.name, found.labels, found.accuracy) == ("faces-attr_32.ckpt", ALL, 0.8)


def test_one_of_fewer_labels_measures_until_there_is_one_of_all(keep, tmp_path: Path) -> None:
    keep(["Smiling"], 0.99)
    found = kept_classifiers.find(data_of(tmp_path))
    assert found is not None
    assert found.labels == ["Smiling"]
    keep(ALL, 0.8)
    found = kept_classifiers.find(data_of(tmp_path))
    assert found is not None
    assert found.labels == ALL


def test_a_better_one_stays_and_a_worse_one_is_replaced(keep, tmp_path: Path) -> None:
    keep(ALL, 0.8)
    better = keep(ALL, 0.7)
    assert better is not None
    assert better.accuracy == 0.8
    assert files(tmp_path) == {"faces-attr_32.ckpt": "classifier 0"}
    assert keep(ALL, 0.9) is None
    assert files(tmp_path) == {"faces-attr_32.ckpt": "classifier 2"}


def test_each_data_set_of_a_name_has_its_own(keep, tmp_path: Path) -> None:
    keep(ALL, 0.8)
    assert keep(ALL, 0.9, "faces_32_b") is None
    for cache, accuracy in (("faces_32_a", 0.8), ("faces_32_b", 0.9)):
        found = kept_classifiers.find(data_of(tmp_path, cache))
        assert found is not None
        assert found.accuracy == accuracy


def test_one_of_version_0_1_0_is_found_and_its_labels_are_read_from_it(keep, tmp_path: Path, monkeypatch) -> None:
    keep(ALL, 0.8)
    about = tmp_path / "cache" / "classifiers" / "faces-attr_32.json"
    about.write_text(json.dumps({"test/accuracy": 0.8}), encoding="utf-8")
    monkeypatch.setattr("lightning_modules.rebuild.load_module", lambda file: types.SimpleNamespace(labels=ALL))
    keep(["Smiling"], 0.99)
    found = kept_classifiers.find(data_of(tmp_path))
    assert found is not None
    assert (found.file.name, found.labels, found.data) == ("faces-attr_32.ckpt", ALL, None)


def test_one_whose_accuracy_is_missing_is_not_found_and_a_damaged_one_is_named(keep, tmp_path: Path) -> None:
    keep(ALL, 0.8)
    about = tmp_path / "cache" / "classifiers" / "faces-attr_32.json"
    about.write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"faces-attr_32\.json is damaged; remove it, and train"):
        kept_classifiers.find(data_of(tmp_path))
    about.unlink()
    assert kept_classifiers.find(data_of(tmp_path)) is None


def test_a_run_without_the_classifier_that_its_metrics_need_is_refused_before_it_starts(compose, tmp_path):
    config = compose("model=gan", "metrics=classifier", f"data.cache_dir={tmp_path}")
    with pytest.raises(ConfigError, match="there is no classifier of synthetic_faces at 64 pixels yet; train it once"):
        kept_classifiers.check(config)
    (tmp_path / "classifiers").mkdir()
    for suffix in ("ckpt", "json"):
        (tmp_path / "classifiers" / f"synthetic_faces-attr_64_1a2b.{suffix}").touch()
    kept_classifiers.check(config)
    kept_classifiers.check(compose("model=gan", f"data.cache_dir={tmp_path / 'other'}"))
