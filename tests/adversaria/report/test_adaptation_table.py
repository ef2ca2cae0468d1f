"""The table of domain adaptation from the folders of a sweep."""

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from adversaria.report.adaptation_cells import gap_closed, read_cells
from adversaria.report.adaptation_table import markdown, oracle, table
from adversaria.sweeps.uda_table import UDATable

REPORTED = {"usps_mnistm": {"dann": "A 0.4484"}}


def finish(
    folder: Path, system: str, scenario: str, seed: int, accuracy: float, oracle: float | None = None, **names: str
) -> None:
    run = folder / system / scenario / f"seed_{seed}"
    run.mkdir(parents=True)
    metrics = {"test/accuracy": accuracy} | ({} if oracle is None else {"test/accuracy_oracle": oracle})
    changes = {
        "augmentation": "texture 0.9" if system == "dann" else "rotate 5",
        "target_augmentation": "rotate 5",
    }
    protocol = {"n_test_target": 9001, **changes, **names}
    record = {"metrics": metrics, "protocol": protocol, "seconds": 120}
    (run / "metrics.json").write_text(json.dumps(record), encoding="utf-8")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    finish(tmp_path, "source_only", "usps_mnistm", 0, 0.2)
    finish(tmp_path, "target_only", "usps_mnistm", 0, 1.0)
    finish(tmp_path, "dann", "usps_mnistm", 0, 0.5, oracle=0.6)
    finish(tmp_path, "dann", "usps_mnistm", 1, 0.7, oracle=0.8)
    finish(tmp_path, "dann", "svhn_usps", 0, 0.65)
    running = tmp_path / "adda" / "usps_mnistm" / "seed_0"
    running.mkdir(parents=True)
    (running / "metrics.json").write_text('{"evaluations": [{}]}', encoding="utf-8")  # measured before it was finished
    return tmp_path


def test_cells_have_the_finished_runs_of_each_seed(sweep: Path) -> None:
    cells = read_cells(sweep)
    assert set(cells) == {(s, "usps_mnistm") for s in ("source_only", "target_only", "dann")} | {("dann", "svhn_usps")}
    assert cells["dann", "usps_mnistm"].accuracy == [0.5, 0.7]
    assert cells["dann", "usps_mnistm"].oracle == [0.6, 0.8]
    assert cells["dann", "usps_mnistm"].minutes == [2, 2]


def test_a_column_is_headed_by_the_names_of_both_domains(tmp_path: Path) -> None:
    finish(tmp_path, "dann", "my_photos_my_drawings", 0, 0.5, source="my_photos", target="my_drawings")
    assert markdown(read_cells(tmp_path), {}).splitlines()[0] == "| system | my_photos → my_drawings |"


def test_the_gap_is_that_between_source_only_and_target_only(sweep: Path) -> None:
    cells = read_cells(sweep)
    assert gap_closed(cells, "dann", "usps_mnistm") == pytest.approx(0.5)
    assert gap_closed(cells, "dann", "svhn_usps") is None


def test_the_table_says_what_was_measured_and_what_was_reported(sweep: Path) -> None:
    lines = markdown(read_cells(sweep), REPORTED).splitlines()
    assert lines[0] == "| system | USPS → MNIST-M | SVHN → USPS |"
    assert lines[2:6] == [
        "| source_only | 0.200 (1 seed) |  |",
        "| dann | **0.600 ± 0.141** (2 seeds), gap 50 % | **0.650** (1 seed) |",
        "| target_only | 1.000 (1 seed) |  |",
        "| reported: dann | A 0.4484 |  |",
    ]
    assert "after the last epoch" in lines[7]
    assert "Minutes of a run: source_only 2, dann 2, target_only 2." in lines[7]
    assert "USPS → MNIST-M 9,001" in lines[7]
    assert lines[9:] == [
        "- Augmentation of svhn_usps; usps_mnistm (dann): labelled images: texture 0.9; target images: rotate 5.",
        "- Augmentation of usps_mnistm (source_only, target_only): labelled images: rotate 5; target images: the same.",
    ]


def test_a_system_that_loses_to_source_only_is_seen(tmp_path: Path) -> None:
    for seed in range(3):
        finish(tmp_path, "source_only", "usps_svhn", seed, 0.5)
        finish(tmp_path, "dann", "usps_svhn", seed, 0.4)
        finish(tmp_path, "adda", "usps_svhn", seed, 0.6)
    cells = read_cells(tmp_path)
    rows = [row[1] for row in table(cells, {})[1:]]
    assert rows == ["0.500 ± 0.000", "0.400 ± 0.000, 0.100 below source_only", "**0.600 ± 0.000**"]
    finish(tmp_path, "target_only", "usps_svhn", 0, 0.9)
    rows = [row[1] for row in table(read_cells(tmp_path), {})[1:]]
    assert rows[1:3] == ["0.400 ± 0.000, 0.100 below source_only", "**0.600 ± 0.000**, gap 25 %"]
    finish(tmp_path, "target_only", "usps_svhn", 1, 0.05)  # below source-only on average: there is no gap to close
    rows = [row[1] for row in table(read_cells(tmp_path), {})[1:]]
    assert rows[1:3] == ["0.400 ± 0.000, 0.100 below source_only", "**0.600 ± 0.000**"]


def test_runs_of_one_cell_with_other_augmentations_are_seen(sweep: Path) -> None:
    finish(sweep, "adda", "svhn_usps", 0, 0.5)
    finish(sweep, "adda", "svhn_usps", 1, 0.5)
    file = sweep / "adda" / "svhn_usps" / "seed_1" / "metrics.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"rotate 5"', '"none"'), encoding="utf-8")
    lines = [line for line in markdown(read_cells(sweep), {}).splitlines() if "svhn_usps (adda)" in line]
    assert [line.partition(": ")[2] for line in lines] == [
        "labelled images: rotate 5; target images: the same.",
        "labelled images: none; target images: the same.",
    ]


def test_what_has_not_been_run_is_said(sweep: Path) -> None:
    found = table(read_cells(sweep), REPORTED, ("usps_svhn", "usps_mnistm"), ("adda", "dann"), missing="not run yet")
    assert found[0] == ["system", "USPS → SVHN", "USPS → MNIST-M"]
    assert found[1] == ["adda", "not run yet", "not run yet"]
    assert found[2][1] == "not run yet"


def test_the_best_epoch_by_labels_has_a_table_of_its_own(sweep: Path) -> None:
    assert oracle(read_cells(sweep), ("usps_mnistm",)) == [["system", "USPS → MNIST-M"], ["dann", "0.700 ± 0.141"]]


def test_the_end_of_a_sweep_leaves_both_files(sweep: Path, capsys: Any) -> None:
    UDATable(note="Quick.").on_multirun_end(
        SimpleNamespace(hydra=SimpleNamespace(sweep=SimpleNamespace(dir=str(sweep))))
    )
    assert (sweep / "table.md").read_text(encoding="utf-8").endswith("\nQuick.\n")
    assert (sweep / "table.md").read_text(encoding="utf-8") in capsys.readouterr().out
    with (sweep / "table.csv").open(newline="", encoding="utf-8") as stream:
        rows = {(row["system"], row["scenario"]): row for row in csv.DictReader(stream)}
    assert len(rows) == 4
    dann = rows["dann", "usps_mnistm"]
    assert float(dann["accuracy"]) == pytest.approx(0.6)
    assert (dann["seeds"], dann["reported"]) == ("2", "A 0.4484")
    assert float(dann["oracle"]) == pytest.approx(0.7)


def test_without_a_finished_run_there_is_no_table(tmp_path: Path) -> None:
    UDATable().on_multirun_end(SimpleNamespace(hydra=SimpleNamespace(sweep=SimpleNamespace(dir=str(tmp_path)))))
    assert not list(tmp_path.iterdir())
