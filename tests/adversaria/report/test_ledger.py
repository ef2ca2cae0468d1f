"""The values in the docs are those of committed records, and a record says how its run can be made again."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.report import ledger
from adversaria.report.results import described, reported
from adversaria.tools import ledger as command
from adversaria.tools.ledger import PAGE, RECORDS, main

START = {
    "command": ["/home/me/project/train.py", "model=dann", "data.root=/home/me/digits", "seed=1"],
    "git_commit": "a" * 40,
    "git_dirty": False,
    "device": "cpu (x86_64)",
    "threads": 1,
}
RECORD = {
    "metrics": {"test/accuracy": 0.61234567, "test/fid": None},
    "protocol": {"source set": "usps", "target set": "mnistm", "iteration": 5},
    "seconds": 90,
}


def run_folder(parent: Path, starts: list[dict[str, Any]], record: dict[str, Any]) -> Path:
    folder = parent / "outputs" / "uda_table" / "dann" / "usps_mnistm" / "seed_1"
    folder.mkdir(parents=True)
    (folder / "environment.json").write_text(json.dumps(starts), encoding="utf-8")
    (folder / "metrics.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


def test_the_page_of_results_is_rendered_from_the_records() -> None:
    page = PAGE.read_text(encoding="utf-8")
    tables = {*described()["tables"], "uda_table", "photos_drawings"}
    assert tables <= set(re.findall(r"<!-- records: (\w+) -->", page))  # none that nobody sees
    assert ledger.rendered(page, ledger.read(RECORDS)) == page, "run: python -m adversaria.tools.ledger"


def test_no_value_is_typed_beside_the_tables() -> None:
    prose = re.sub(r"```.*?```|`[^`]*`", "", ledger.BLOCK.sub("", PAGE.read_text(encoding="utf-8")), flags=re.DOTALL)
    assert re.findall(r"[^\n]*\d(?:[.,]\d| ?%)[^\n]*", prose) == []


def test_every_system_and_figure_of_the_reports_is_in_the_tables_without_any_run() -> None:
    empty = ledger.rendered(PAGE.read_text(encoding="utf-8"), {})
    systems = set(re.findall(r"\| ([A-E]\d)[ ,|]", empty))
    assert systems == {
        "A1",
        "A2",
        "A3",
        "A4",
        "B1",
        "B2",
        "B3",
        "C1",
        "C2",
        "C3",
        "D1",
        "D2",
        "D3",
        "E1",
        "E2",
        "E3",
        "E4",
    }
    figures = {pair: re.findall(r"[A-E] 0\.\d{4}", str(row)) for pair, row in reported().items()}
    assert [len(figures[pair]) for pair in list(reported())[:6]] == [4, 8, 4, 4, 8, 3]
    for figure in (f for found in figures.values() for f in found):
        assert figure in empty
    for figure in ("0.0239", "0.0682", "0.000833", "FID 28.97, inception score 2.13", "0.8370"):
        assert figure in empty
    assert "±" not in re.sub(r"mean ± standard", "", empty)


def test_no_record_names_a_folder_of_the_machine_it_was_made_on() -> None:
    records = ledger.read(RECORDS)
    assert records
    for name, record in records.items():
        assert len(record["commit"]) == 40, name
        assert not any(Path(word.rpartition("=")[2]).is_absolute() for word in record["command"].split()), name


def test_a_run_becomes_a_record(tmp_path: Path) -> None:
    file = ledger.write(tmp_path / "records", run_folder(tmp_path, [START, START], RECORD))
    assert file == tmp_path / "records" / "uda_table" / "dann" / "usps_mnistm" / "seed_1.json"
    (name, record), *others = ledger.read(tmp_path / "records").items()
    assert (name, others) == ("uda_table/dann/usps_mnistm/seed_1", [])
    assert record["command"] == "python train.py model=dann data.root=PATH seed=1"
    assert (record["minutes"], record["starts"], record["device"]) == (1.5, 2, "cpu (x86_64)")
    assert record["metrics"] == {"test/accuracy": 0.612346, "test/fid": None}
    assert record["protocol"] == {"source": "usps", "target": "mnistm", "iteration": 5}  # in the words of this version


def test_code_in_no_checkout_is_named_by_its_commit(tmp_path: Path) -> None:
    exported = {**START, "git_commit": None, "git_dirty": None}
    file = ledger.write(tmp_path / "records", run_folder(tmp_path, [exported], RECORD), commit="b" * 40)
    assert json.loads(file.read_text(encoding="utf-8"))["commit"] == "b" * 40


def test_what_was_measured_later_is_kept_with_what_differs_in_its_protocol(tmp_path: Path) -> None:
    protocol = {"source set": "usps", "target set": "mnistm", "iteration": 5, "split": "val"}
    later = {"time": "today", "metrics": {"test/accuracy": 0.123456789}, "protocol": protocol, "seconds": 2}
    record = {**RECORD, "epochs": 4, "data_digests": {"source": "12ab"}, "evaluations": [later]}
    found = ledger.record_of(run_folder(tmp_path, [START], record))
    assert (found["epochs"], found["data_digests"]) == (4, {"source": "12ab"})
    assert found["evaluations"] == [{"protocol": {"split": "val"}, "metrics": {"test/accuracy": 0.123457}}]


@pytest.mark.parametrize(
    ("starts", "record", "message"),
    [
        ([START], {}, "has no finished run"),
        ([], RECORD, "has no finished run"),
        ([{**START, "git_dirty": True}], RECORD, "from a checkout with changes"),
        ([START, {**START, "git_dirty": True}], RECORD, "from a checkout with changes"),
        ([{**START, "git_commit": None}], RECORD, "in no git checkout; name its commit"),
    ],
)
def test_a_run_that_cannot_be_made_again_has_no_record(tmp_path: Path, starts, record, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        ledger.write(tmp_path / "records", run_folder(tmp_path, starts, record))
    assert not (tmp_path / "records").exists()


def test_only_blocks_are_rendered() -> None:
    page = "# Title\n<!-- records: uda_table -->\nold\n<!-- end -->\n0.9 typed\n"
    found = ledger.rendered(page, ledger.read(RECORDS))
    assert found.startswith("# Title\n<!-- records: uda_table -->\n| system |")
    assert found.endswith("<!-- end -->\n0.9 typed\n")
    with pytest.raises(ConfigError, match="there is no such table; known: uda_table"):
        ledger.rendered("<!-- records: other -->\n<!-- end -->", {})


def test_a_folder_that_is_no_run_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path)])
    assert stopped.value.code == 2
    assert "has no finished run" in capsys.readouterr().err


def test_all_runs_below_a_folder_are_taken_also_where_one_cannot_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "results.md"
    page.write_text("<!-- records: uda_table -->\n<!-- end -->\n", encoding="utf-8")
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(command, "RECORDS", tmp_path / "records")
    record = {**RECORD, "protocol": {**RECORD["protocol"], "test images of the target": 9001}}
    run_folder(tmp_path, [START], record)
    unfinished = tmp_path / "outputs" / "uda_table" / "adda" / "usps_mnistm" / "seed_0"
    unfinished.mkdir(parents=True)
    (unfinished / "metrics.json").write_text('{"evaluations": []}', encoding="utf-8")
    with pytest.raises(SystemExit):
        main([str(tmp_path / "outputs")])
    assert f"{unfinished} has no finished run" in capsys.readouterr().err
    assert list(ledger.read(tmp_path / "records")) == ["uda_table/dann/usps_mnistm/seed_1"]
    assert "| dann | **0.612** (1 seed) |" in page.read_text(encoding="utf-8")
