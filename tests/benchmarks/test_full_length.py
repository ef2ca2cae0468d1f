import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support.processes import wait_until

from adversaria.runs.record import METRICS, read_record
from benchmarks import full_length, full_length_packed
from benchmarks.full_length_plan import LIST, files_of, read_plan

PLAN = full_length.ROOT / "benchmarks" / "full_length.yaml"
SMALL = """
- name: some/{model}/seed_{seed}
  run: model={model} data=digits_mnist5k seed={seed} model.network.width=4
  for: {seed: [0], model: [source_only]}
- name: some/wrong
  run: model=source_only data=digits_mnist5k model.width=4
"""


@pytest.fixture
def digits(tmp_path):
    """A data folder with two files of MNIST's folder and one of USPS, which the packing takes as they are."""
    data = tmp_path / "data"
    for name, size in (("MNIST/raw/a.gz", 900), ("MNIST/raw/b.gz", 30), ("usps.bz2", 500)):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_bytes(bytes(range(256)) * (size // 256 + 1))
    return data


@pytest.fixture
def commit(monkeypatch):
    """Say in which state the checkout is."""

    def say(dirty):
        state = {"git_commit": "abc", "git_dirty": dirty}
        monkeypatch.setattr("adversaria.runs.environment.git_state", lambda folder: state)

    return say


@pytest.mark.parametrize("plan", ["full_length", "generators_ab", "generators_hour"])
def test_every_planned_run_is_a_configuration_of_its_own(compose, plan, tmp_path):
    runs = read_plan(PLAN.with_stem(plan), records=tmp_path)
    assert len({run.name for run in runs}) == len(runs)
    assert {run.after for run in runs} <= {run.name for run in runs} | {""}
    seen: set[str] = set()
    for run in runs:
        words = [word for word in run.overrides if not word.startswith("seed=")]
        if not seen.issuperset(words):  # each word once: tests/test_configs.py composes models with all data
            compose(*words)
            seen.update(words)


def test_a_run_with_a_record_is_wanted_only_where_another_needs_its_folder(tmp_path):
    record = tmp_path / "digits" / "classifier" / "seed_0.json"
    record.parent.mkdir(parents=True)
    record.touch()
    names = [run.name for run in read_plan(PLAN, records=tmp_path)]
    assert "digits/classifier/seed_0" in names
    for name in [name for name in names if name.startswith("digits")]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{name}.json").touch()
    assert not [run for run in read_plan(PLAN, records=tmp_path) if run.name.startswith("digits")]


def test_packed_data_are_the_same_when_unpacked_and_a_run_waits_for_all_of_them(digits, tmp_path, commit):
    commit(dirty=False)
    full_length_packed.pack(digits, tmp_path / "parts", megabytes=600e-6)
    parts = sorted((tmp_path / "parts").iterdir())
    assert len(parts) > 2
    assert all(
        sum(f.stat().st_size for f in part.rglob("*") if f.is_file() and f.name != LIST) <= 600 for part in parts
    )
    run = read_plan(PLAN, "uda_table/dann/mnist_usps/seed_0", tmp_path)[0]
    for part in parts:
        assert not run.ready(tmp_path / "copy", tmp_path)
        full_length_packed.unpack(part, tmp_path / "copy")
    assert run.ready(tmp_path / "copy", tmp_path)
    for name in ("mnist", "usps"):
        for file in files_of(digits, name):
            assert (tmp_path / "copy" / file).read_bytes() == (digits / file).read_bytes()


def test_a_checkout_with_changes_is_not_packed(digits, tmp_path, commit):
    commit(dirty=True)
    with pytest.raises(SystemExit, match="commit them"):
        full_length_packed.pack(digits, tmp_path / "parts", megabytes=1)


def test_runs_are_trained_once_and_brought_back_as_records(tmp_path, capfd):
    plan, outputs = tmp_path / "plan.yaml", tmp_path / "outputs"
    plan.write_text(SMALL, encoding="utf-8")
    line = ["--data", str(tmp_path), "--plan", str(plan), "--outputs", str(outputs), "--jobs", "2", "--tiny"]
    assert full_length.main([*line, "--bring", str(tmp_path / "brought")]) == 1
    said = capfd.readouterr().out
    assert "some/source_only/seed_0" in said
    assert "1 of 2 runs are done" in said
    assert "model.width" in said  # why the other one failed
    with tarfile.open(tmp_path / "brought" / "records.tar.gz") as archive:
        names = archive.getnames()
    assert "outputs/some/source_only/seed_0/metrics.json" in names
    assert not [name for name in names if "checkpoints" in name]
    assert full_length.main([*line, "--match", "source_only"]) == 0
    assert " s  " not in capfd.readouterr().out  # nothing was trained again


def test_no_run_starts_when_the_time_is_over(tmp_path, capfd):
    plan, outputs = tmp_path / "plan.yaml", tmp_path / "outputs"
    plan.write_text(SMALL, encoding="utf-8")
    line = ["--data", str(tmp_path), "--plan", str(plan), "--outputs", str(outputs), "--match", "source_only"]
    line += ["--jobs", "1"]
    assert full_length.main([*line, "--minutes", "0"]) == 0
    assert "0 of 1 runs are done" in capfd.readouterr().out


@pytest.mark.faults
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes in /proc")
def test_a_run_is_saved_and_ends_when_its_driver_is_killed_and_goes_on_later(tmp_path):
    plan, run = tmp_path / "plan.yaml", tmp_path / "outputs" / "some" / "source_only" / "seed_0"
    plan.write_text(SMALL, encoding="utf-8")
    line = [sys.executable, "-m", "benchmarks.full_length", "--data", str(tmp_path), "--plan", str(plan), "--jobs", "1"]
    line += ["--outputs", str(tmp_path / "outputs"), "--match", "source_only", "--set", "trainer.max_epochs=1000"]
    driver = subprocess.Popen(line, cwd=full_length.ROOT, stdout=subprocess.DEVNULL)
    log = run / "train.log"
    wait_until(lambda: log.exists() and "iteration" in log.read_text(encoding="utf-8"))
    children = Path(f"/proc/{driver.pid}/task/{driver.pid}/children").read_text(encoding="ascii").split()
    threads = Path(f"/proc/{driver.pid}/task").glob("*/children")
    children += [pid for file in threads for pid in file.read_text(encoding="ascii").split()]
    driver.kill()
    driver.wait()
    wait_until(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()])
    assert (run / "checkpoints" / "last.ckpt").exists()
    subprocess.run([*line, "--set", "trainer.max_time=00:00:00:01"], cwd=full_length.ROOT)
    starts = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    assert len(starts) == 2
    assert read_record(run / METRICS)["metrics"]
