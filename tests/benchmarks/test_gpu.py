from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.systems import System


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the script with measurements of its own; return what it wrote, by file, and its status."""

    def measured(*arguments, failing=()):
        def fresh(function, name, *more):
            if name in failing:
                raise RuntimeError("out of memory")
            return {"none": 1000.4, "both": 2000.0} if function is gpu.speeds else Path(more[1]).touch()

        monkeypatch.setattr(gpu, "fresh", fresh)
        status = gpu.main([*arguments, f"--output={tmp_path}"])
        return status, {file.name: file.read_text(encoding="utf-8") for file in tmp_path.rglob("*.*") if file.is_file()}

    return measured


def test_the_table_has_a_row_for_each_system_and_one_that_fails_costs_no_other(run, capsys):
    status, files = run("--only=speed", "--match=B1,C1,GAN", failing=["C1"])
    rows = files["speed.md"].splitlines()[4:]
    assert rows == ["| B1, VAE | 64 | 1,000 | 2,000 |", "| our GAN | 64 | 1,000 | 2,000 |"]
    assert status == 1
    assert "speed of C1 failed: out of memory" in capsys.readouterr().out


def test_nothing_begins_after_the_time(run, capsys):
    assert run("--minutes=0", "--only=speed,kernels,tests", "--match=B1") == (0, {})
    assert capsys.readouterr().out.count("no time left for") == 3


def test_only_the_slow_systems_are_profiled(run):
    _, files = run("--only=kernels")
    assert sorted(files) == ["kernels_B1.txt", "kernels_B2.txt", "kernels_B3.txt", "kernels_C1.txt"]


def test_the_switches_are_keys_of_the_configuration_and_the_systems_compose():
    for switch, overrides in gpu.SWITCHES.items():
        system, batch = gpu.MEASURED["GAN"]
        config = system.config(batch, *overrides)
        assert config["trainer"]["benchmark"] is (True if "benchmark" in switch or switch == "both" else None)
        assert config["performance"]["tf32"] is (switch in ("performance.tf32", "both"))
    assert set(gpu.PROFILED) <= set(gpu.MEASURED)


def test_the_profile_names_what_takes_the_time(tmp_path):
    profiled = gpu.Profiled(str(tmp_path / "kernels.txt"), [1, 1, 2])
    profiled.on_train_start(None, None)
    for _ in range(5):
        torch.ones(8, 8).mm(torch.ones(8, 8))
        profiled.on_train_batch_end(None, None, None, None, 0)
    profiled.on_train_end(None, None)
    text = (tmp_path / "kernels.txt").read_text(encoding="utf-8")
    assert "aten::mm" in text
    assert "ms a step of" in text


def test_runs_at_once_share_the_gpu_after_all_have_used_it_in_turn(run, monkeypatch):
    monkeypatch.setattr(gpu, "runs_at_once", lambda count, *sizes, **variables: 1000.0 * count)
    monkeypatch.setattr(gpu, "share_gpu", lambda: "")
    status, files = run("--only=jobs")
    rows = [row.strip("| ").split(" | ") for row in files["jobs.md"].splitlines()[4:]]
    assert status == 0
    assert [row[1] for row in rows] == ["in turn"] * 5 + ["shared"] * 5
    assert rows[4] == ["14", "in turn", "14,000"]


def test_a_machine_without_the_service_has_the_runs_that_take_turns(run, monkeypatch, capsys):
    monkeypatch.setattr(gpu, "runs_at_once", lambda count, *sizes, **variables: 1000.0 * count)
    monkeypatch.setattr(gpu, "share_gpu", lambda: "there is no such program")
    status, files = run("--only=jobs")
    assert status == 0
    assert "shared" not in files["jobs.md"]
    assert "jobs of 8 shared: there is no such program" in capsys.readouterr().out


@pytest.mark.faults  # for its time
def test_the_steps_of_a_run_are_profiled(tmp_path, monkeypatch, cache_dir):
    few = [f"data.reader.{split}=12" for split in ("train", "val", "test")]
    small = ("model=vae", *few, "performance.keep_memory=false", f"data.cache_dir={cache_dir}")
    monkeypatch.setitem(gpu.MEASURED, "B1", (System("small", small, 6), 2))
    gpu.kernels("B1", 2, str(tmp_path / "kernels.txt"), [1, 1, 1])
    assert "ms a step of" in (tmp_path / "kernels.txt").read_text(encoding="utf-8")
