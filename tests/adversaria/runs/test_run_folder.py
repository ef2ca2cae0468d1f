import json
import os
import re
import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from adversaria.config import command_lines, containers
from adversaria.config.errors import CheckpointError, ConfigError, DataError
from adversaria.runs import record, resume, run_folder
from adversaria.tools import compose

CHOICES = {"model": "vae", "model/network": "strided_vae", "data": "celeba", "experiment": None}


def checkpoint(folder, name="last"):
    file = folder / "checkpoints" / f"{name}.ckpt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return file


def test_every_run_gets_a_folder_of_its_own():
    folders = {run_folder.run_dir("outputs", "report_a/vae") for _ in range(50)}
    assert len(folders) == 50
    pattern = r"outputs/report_a/vae/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_[0-9a-f]{6}"
    assert all(re.fullmatch(pattern, f) for f in folders)


def test_the_resolver_gives_one_folder_in_one_process_however_often_it_is_asked():
    compose.register_resolvers()
    config = OmegaConf.create({"a": "${run_dir:outputs,name_of_this_test}", "b": "${.a}"})
    assert config.a == config.a == config.b
    assert config.a.startswith("outputs/name_of_this_test/")


@pytest.mark.parametrize(
    ("experiment", "expected"), [("report_a/vae", "report_a/vae"), (None, "vae_celeba"), ("", "vae_celeba")]
)
def test_a_run_is_named_by_its_experiment_or_by_model_and_data(experiment, expected):
    assert run_folder.experiment_name(experiment, "vae", "celeba") == expected


def config_in(folder):
    return {"name": "vae_celeba", "run_dir": str(folder), "trainer": {"max_epochs": 5}}


def test_invocations_are_appended_and_the_configuration_is_the_latest(tmp_path):
    saved = tmp_path / "run"
    record.write_invocation(saved, config_in(saved), CHOICES, ["seed=0"])
    longer = config_in(saved)
    longer["trainer"]["max_epochs"] = 60
    record.write_invocation(saved, longer, CHOICES, ["ckpt_path=last", "trainer.max_epochs=60"])
    history = json.loads((saved / "invocation.json").read_text(encoding="utf-8"))
    assert [i["overrides"] for i in history] == [["seed=0"], ["ckpt_path=last", "trainer.max_epochs=60"]]
    assert [i["choices"] for i in history] == [CHOICES, CHOICES]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", i["time"]) for i in history)
    assert resume.saved_config(saved).trainer.max_epochs == 60


def test_an_empty_run_folder_is_discarded_with_the_empty_folders_above_it(tmp_path):
    folder = tmp_path / "outputs/report_a/vae/run"
    folder.mkdir(parents=True)
    (tmp_path / "outputs/.gitkeep").touch()
    run_folder.discard_if_empty(folder, tmp_path)
    assert [p.name for p in (tmp_path / "outputs").iterdir()] == [".gitkeep"]
    run_folder.discard_if_empty(folder, tmp_path)  # nor is it an error when there is none


def test_a_run_folder_with_a_file_in_it_is_kept(tmp_path):
    folder = tmp_path / "vae_celeba/run"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").touch()
    run_folder.discard_if_empty(folder, tmp_path)
    assert (folder / "metrics.csv").exists()


def test_other_runs_of_the_experiment_are_kept(tmp_path):
    for name in ("a", "b"):
        (tmp_path / "vae_celeba" / name).mkdir(parents=True)
    run_folder.discard_if_empty(tmp_path / "vae_celeba/a", tmp_path)
    assert [p.name for p in (tmp_path / "vae_celeba").iterdir()] == ["b"]


# ------------------------------------------------------------------------------------------------------------- plain


def test_plain_resolves_into_plain_containers():
    cfg = OmegaConf.create({"a": 1, "b": {"c": "${a}", "d": ["${b.c}", {"e": None}], 5: "five"}})
    config = containers.plain(cfg)
    assert config == {"a": 1, "b": {"c": 1, "d": [1, {"e": None}], 5: "five"}}
    assert type(config["b"]) is dict
    assert type(config["b"]["d"]) is list


@pytest.mark.parametrize(
    ("value", "part"), [("${nothing}", "nothing"), ("???", "key"), ("${oc.env:NO_SUCH_X}", "NO_SUCH_X")]
)
def test_plain_explains_what_does_not_resolve(value, part):
    with pytest.raises(ConfigError, match=part) as error:
        containers.plain(OmegaConf.create({"key": value}))
    assert "\n" not in str(error.value)


def test_the_output_root_and_what_is_above_it_are_kept_even_if_empty(tmp_path):
    root = tmp_path / "outputs"
    (root / "report_a/vae/run").mkdir(parents=True)
    run_folder.discard_if_empty(root / "report_a/vae/run", root)
    assert list(tmp_path.rglob("*")) == [root]


def test_a_folder_is_held_by_one_process_at_a_time(tmp_path):
    probe = (
        "import sys; from pathlib import Path; from adversaria.runs.run_folder import locked\n"
        "with locked(Path(sys.argv[1])): print('held')"
    )
    command = [sys.executable, "-c", probe, str(tmp_path)]
    with run_folder.locked(tmp_path):
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "another process is running in" in refused.stderr
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == "held\n"


def test_a_record_and_its_evaluations_leave_each_other_alone(tmp_path):
    file = tmp_path / "metrics.json"
    record.append_evaluation(file, {"number": 1})
    record.write_record(file, {"metrics": {"x": 1}})
    record.append_evaluation(file, {"number": 2})
    record.write_record(file, {"metrics": {"x": 2}})
    assert record.read_record(file) == {"metrics": {"x": 2}, "evaluations": [{"number": 1}, {"number": 2}]}
    assert list(tmp_path.iterdir()) == [file]


def test_a_damaged_record_is_an_error_and_stays(tmp_path):
    file = tmp_path / "metrics.json"
    file.write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match="is damaged"):
        record.append_evaluation(file, {})
    assert file.read_text(encoding="utf-8") == "{"


def test_a_checkpoint_is_found_with_its_run_folder_if_it_has_one(tmp_path):
    file = checkpoint(tmp_path / "run")
    assert run_folder.find(tmp_path / "run", "last") == (None, file)
    record.write_invocation(tmp_path / "run", job(tmp_path), {}, [])
    assert run_folder.find(tmp_path / "run", "last") == run_folder.find(file, "last") == (tmp_path / "run", file)
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        run_folder.find(tmp_path / "run", "best")


# -- jobs of a sweep that is started again


def job(folder, **changes):
    config = {"name": "x", "seed": 0, "ckpt_path": None, "model": {"lr": 0.1}, "run_dir": str(folder)}
    return {**config, **changes}


def test_a_job_starts_where_no_run_has_been(tmp_path):
    assert resume.resumed_job(job(tmp_path), tmp_path) == (job(tmp_path), False)


def test_a_job_that_was_stopped_goes_on_from_its_last_checkpoint(tmp_path):
    record.write_invocation(tmp_path, job(tmp_path), {}, [])
    assert resume.resumed_job(job(tmp_path), tmp_path) == (job(tmp_path), False)  # in its first epoch
    file = checkpoint(tmp_path)
    assert resume.resumed_job(job(tmp_path), tmp_path) == (job(tmp_path, ckpt_path=str(file)), False)
    record.write_invocation(tmp_path, job(tmp_path, ckpt_path=str(file)), {}, [])  # and was stopped once more
    assert resume.resumed_job(job(tmp_path), tmp_path) == (job(tmp_path, ckpt_path=str(file)), False)


def test_a_job_that_has_its_metrics_is_done(tmp_path):
    record.write_invocation(tmp_path, job(tmp_path), {}, [])
    record.append_evaluation(tmp_path / "metrics.json", {})
    assert not resume.resumed_job(job(tmp_path), tmp_path)[1]
    record.write_record(tmp_path / "metrics.json", {"metrics": {}})
    assert resume.resumed_job(job(tmp_path), tmp_path)[1]


def test_a_job_of_another_configuration_is_refused(tmp_path):
    record.write_invocation(tmp_path, job(tmp_path), {}, [])
    with pytest.raises(CheckpointError, match="has a run with another model; remove that folder"):
        resume.resumed_job(job(tmp_path, model={"lr": 0.2}), tmp_path)


def test_a_job_goes_on_with_other_speed_settings(tmp_path):
    record.write_invocation(tmp_path, job(tmp_path, performance={"keep_memory": True}), {}, [])
    other = job(tmp_path, performance={"keep_memory": False, "cuda_graphs": True})
    assert resume.resumed_job(other, tmp_path)[0]["performance"] == other["performance"]


# -- a folder that cannot be had


def test_a_new_run_never_takes_a_folder_that_has_one(tmp_path, monkeypatch):
    run_folder.check_new(tmp_path / "new")
    (tmp_path / "failed").mkdir()
    run_folder.check_new(tmp_path / "failed")
    record.write_invocation(tmp_path / "it's", config_in(tmp_path), {}, [])
    with pytest.raises(CheckpointError, match="has a run already") as error:
        run_folder.check_new(tmp_path / "it's")
    assert command_lines.resume_command(tmp_path / "it's") in str(error.value)
    monkeypatch.setenv("LOCAL_RANK", "1")
    run_folder.check_new(tmp_path / "it's")  # started by the first one
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "word")
    with pytest.raises(CheckpointError, match="has a run already"):
        run_folder.check_new(tmp_path / "it's")


def test_a_refused_start_leaves_no_lock(tmp_path):
    with pytest.raises(ConfigError), run_folder.locked(tmp_path):
        raise ConfigError
    assert list(tmp_path.iterdir()) == []
    with run_folder.locked(tmp_path):
        pass
    with pytest.raises(ConfigError), run_folder.locked(tmp_path):
        raise ConfigError
    assert [file.name for file in tmp_path.iterdir()] == [".lock"]  # which was there before


def test_a_folder_that_cannot_be_written_to_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with (
        pytest.raises(CheckpointError, match=r"cannot be written to \(Permission denied\); copy it"),
        run_folder.locked(tmp_path),
    ):
        pass


def test_data_by_a_relative_path_is_found_where_the_run_was_started(tmp_path, monkeypatch):
    (tmp_path / "a/my pics").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    run, data = tmp_path / "a/outputs/vae/1", {"root": "my pics", "target_root": "../elsewhere"}
    monkeypatch.chdir(tmp_path / "b")
    with pytest.raises(DataError) as error:
        run_folder.check_data(run, data)
    there = tmp_path / "a/my pics"
    assert str(error.value) == (
        f"data.root=my pics is not in this folder, but where the run was started; add \"data.root='{there}'\""
    )
    (tmp_path / "a/b").mkdir()
    with pytest.raises(DataError) as error:
        run_folder.check_data(run, {"source_root": "my pics", "target_root": "b"})
    assert str(error.value) == (
        "data.source_root=my pics and data.target_root=b are not in this folder, but where the run was started; add "
        f"\"data.source_root='{there}'\" data.target_root={tmp_path}/a/b"
    )
    monkeypatch.chdir(tmp_path / "a")
    run_folder.check_data(run, data)  # it is here


@pytest.mark.parametrize("root", ["", None, 3, "nowhere", "/nowhere", "\0", "a" * 300])
def test_data_that_is_nowhere_is_left_to_its_reader(root, tmp_path):
    run_folder.check_data(tmp_path / "run", {"root": root})
    run_folder.check_data(None, {"root": root})
