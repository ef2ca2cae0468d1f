"""The record of a run, whichever version wrote it."""

import json
import shutil
import types
from pathlib import Path

import pytest

from adversaria.report.adaptation_cells import read_cells
from adversaria.report.adaptation_table import markdown
from adversaria.runs.record import append_evaluation, read_json, read_record, record_of, understood, write_record

OLD_RUNS = Path(__file__).resolve().parents[2] / "fixtures" / "old_runs"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """metrics.json of a run of version 0.1.0."""
    return Path(shutil.copy(OLD_RUNS / "vae" / "metrics.json", tmp_path))


def test_a_record_of_version_0_1_0_is_read_with_todays_keys(old: Path) -> None:
    protocol = read_record(old)["protocol"]
    assert (protocol["data"], protocol["n_test"], protocol["image_size"]) == ("digits", 360, 64)
    assert protocol["value_range"] == [0, 1]


def test_evaluations_of_version_0_1_0_are_read_so_too(old: Path) -> None:
    append_evaluation(old, {"metrics": {}, "protocol": {"split": "val", "val images": 5}})
    assert read_record(old)["evaluations"][0]["protocol"] == {"split": "val", "n_val": 5}


def test_a_record_is_not_changed_when_it_is_read(old: Path) -> None:
    append_evaluation(old, {"metrics": {}, "protocol": {"val images": 5}})
    record = read_json(old, None)
    assert understood(record) != record
    assert record == read_json(old, None)


def test_a_file_that_is_missing_has_the_default(tmp_path: Path) -> None:
    assert read_json(tmp_path / "none.json", []) == []


def test_what_is_appended_to_leaves_the_rest_of_the_file_as_it_was(old: Path) -> None:
    before = json.loads(old.read_text(encoding="utf-8"))
    append_evaluation(old, {"protocol": {"n_test": 3}})
    assert json.loads(old.read_text(encoding="utf-8")) == {**before, "evaluations": [{"protocol": {"n_test": 3}}]}
    write_record(old, {"metrics": {}, "protocol": {}})
    assert json.loads(old.read_text(encoding="utf-8"))["evaluations"] == [{"protocol": {"n_test": 3}}]


def test_runs_of_version_0_1_0_make_the_table_of_adaptation(tmp_path: Path) -> None:
    for system in ("dann", "adamatch"):
        folder = tmp_path / system / "digits_mnist5k" / "seed_0"
        folder.mkdir(parents=True)
        shutil.copy(OLD_RUNS / system / "metrics.json", folder)
    text = markdown(read_cells(tmp_path), {})
    assert "| system | digits → mnist5k |" in text
    assert "Test images: digits → mnist5k 1,000." in text
    assert "target images: the same" in text


@pytest.mark.parametrize(("batches", "tested"), [([1], 10), ([4], 36)])
def test_a_record_counts_the_images_that_were_tested(batches: list[int], tested: int) -> None:
    described = {"n_train": 90, "n_test": 36, "batch_size": 10}
    data = types.SimpleNamespace(describe=lambda: described, test_split="test")
    trainer = types.SimpleNamespace(
        callbacks=[], callback_metrics={}, datamodule=data, num_test_batches=batches, world_size=1
    )
    protocol = record_of(trainer, types.SimpleNamespace(iteration=3, started_from={}))["protocol"]
    assert protocol == {"iteration": 3, "n_train": 90, "n_test": tested, "batch_size": 10}
