import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from adversaria.config import containers
from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.runs import record, resume, run_folder
from adversaria.tools import compose

LAST = OmegaConf.create({"ckpt_path": "last", "performance": {"keep_memory": True}})
CHOICES = {"model": "vae", "model/network": "strided_vae", "data": "celeba", "experiment": None}


def checkpoint(folder, name="last"):
    file = folder / "checkpoints" / f"{name}.ckpt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    return file


@pytest.fixture
def runs(tmp_path):
    """Three runs of one experiment; the newest has no best.ckpt, the middle one no last.ckpt."""
    root = tmp_path / "outputs/vae_faces"
    old, middle, new = (
        root / stamp for stamp in ("2024-12-31_23-59-59_ff", "2025-01-01_00-00-00_aa", "2025-01-02_0_00")
    )
    checkpoint(old, "last"), checkpoint(old, "best"), checkpoint(middle, "best"), checkpoint(new, "last")
    return {"root": tmp_path / "outputs", "old": old, "middle": middle, "new": new}


def test_every_run_gets_a_folder_of_its_own():
    folders = {run_folder.run_dir("outputs", "report_a/vae", None) for _ in range(50)}
    assert len(folders) == 50
    pattern = r"outputs/report_a/vae/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_[0-9a-f]{6}"
    assert all(re.fullmatch(pattern, f) for f in folders)


def test_the_resolver_gives_one_folder_in_one_process_however_often_it_is_asked():
    compose.register_resolvers()
    config = OmegaConf.create({"a": "${run_dir:outputs,name_of_this_test,null}", "b": "${.a}"})
    assert config.a == config.a == config.b
    assert config.a.startswith("outputs/name_of_this_test/")


@pytest.mark.parametrize(
    ("experiment", "expected"), [("report_a/vae", "report_a/vae"), (None, "vae_celeba"), ("", "vae_celeba")]
)
def test_a_run_is_named_by_its_experiment_or_by_model_and_data(experiment, expected):
    assert run_folder.experiment_name(experiment, "vae", "celeba") == expected


@pytest.mark.parametrize(("ckpt_path", "run"), [("last", "new"), ("best", "middle")])
def test_last_and_best_are_those_of_the_newest_run_that_has_one(runs, ckpt_path, run):
    assert run_folder.run_dir(str(runs["root"]), "vae_faces", ckpt_path) == str(runs[run])
    file = resume.checkpoint_file(ckpt_path, runs["root"] / "vae_faces")
    assert file == runs[run] / "checkpoints" / f"{ckpt_path}.ckpt"


def test_a_checkpoints_path_continues_its_run(runs):
    file = runs["old"] / "checkpoints/best.ckpt"
    assert run_folder.run_dir("elsewhere", "other", str(file)) == str(runs["old"])
    assert resume.checkpoint_file(str(file), Path("elsewhere")) == file


def test_a_run_folder_continues_from_its_last_checkpoint(runs):
    assert run_folder.run_dir("elsewhere", "other", str(runs["old"])) == str(runs["old"])
    file = resume.checkpoint_file(str(runs["old"]), Path("elsewhere"))
    assert file == runs["old"] / "checkpoints/last.ckpt"


def test_a_relative_path_is_taken_from_here(runs, monkeypatch):
    monkeypatch.chdir(runs["root"].parent)
    path = "outputs/vae_faces/2025-01-02_0_00"
    assert run_folder.run_dir("outputs", "other", f"{path}/checkpoints/last.ckpt") == path


@pytest.mark.parametrize("ckpt_path", ["last", "best"])
def test_nothing_to_continue_says_where_it_looked_and_what_to_give(tmp_path, ckpt_path):
    with pytest.raises(CheckpointError) as error:
        run_folder.run_dir(str(tmp_path), "vae_celeba", ckpt_path)
    for part in (f"ckpt_path={ckpt_path}", str(tmp_path / "vae_celeba"), f"checkpoints/{ckpt_path}.ckpt", "experiment"):
        assert part in str(error.value)


def test_a_missing_checkpoint_is_named(runs):
    for path in (runs["old"] / "checkpoints/epoch3.ckpt", runs["middle"]):
        with pytest.raises(CheckpointError, match=re.escape(f"ckpt_path={path}: there is no file {path}")):
            run_folder.run_dir("outputs", "name", str(path))


# ------------------------------------------------------------------------------------------- the saved configuration


def config_in(folder):
    return {
        "name": "vae_celeba",
        "seed": 0,
        "ckpt_path": None,
        "run_dir": str(folder),
        "performance": {"keep_memory": False},
        "model": {"lambda_kl": 1e-4, "milestones": {0: 1e-5, 100: 1e-6}},
        "data": {"root": "data", "cache_dir": f"{folder}_cache", "value_range": [-1, 1]},
        "trainer": {"max_epochs": 5, "max_time": None},
        "callbacks": {"checkpoint": {"dirpath": f"{folder}/checkpoints"}, "list": [f"{folder}/a", "b"]},
    }


@pytest.fixture
def saved(tmp_path):
    """The folder of a run whose configuration was saved."""
    folder = tmp_path / "outputs/vae_celeba/run"
    record.write_invocation(folder, config_in(folder), CHOICES, ["seed=0"])
    return folder


def test_a_resumed_run_has_its_own_configuration_whatever_the_defaults_are_now(saved):
    config = resume.resumed_config(LAST, saved, CHOICES, ["ckpt_path=last"])
    assert config == config_in(saved) | {"ckpt_path": f"{saved}/checkpoints/last.ckpt"}


def test_a_resumed_run_from_before_a_speed_setting_existed_has_its_default(saved):
    now = OmegaConf.merge(LAST, {"performance": {"cuda_graphs": True}})
    config = resume.resumed_config(now, saved, CHOICES, ["ckpt_path=last"])
    assert config["performance"] == {"keep_memory": False, "cuda_graphs": True}


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("trainer.max_epochs=60", ("trainer", "max_epochs"), 60),
        ("trainer.max_time=00:01:00:00", ("trainer", "max_time"), "00:01:00:00"),
        ("model.lambda_kl=1e-5", ("model", "lambda_kl"), 1e-5),
        ("data.value_range=[0,1]", ("data", "value_range"), [0, 1]),
        ("data.root='a b'", ("data", "root"), "a b"),
        ("data.root=null", ("data", "root"), None),
        ("++seed=3", ("seed",), 3),
        ("callbacks.checkpoint=null", ("callbacks", "checkpoint"), None),
        ("model.lambda_kl={end:1,start:2}", ("model", "lambda_kl"), {"end": 1, "start": 2}),
    ],
)
def test_values_given_now_replace_the_saved_ones_and_no_others(saved, override, key, value):
    config = resume.resumed_config(LAST, saved, CHOICES, ["ckpt_path=last", override])
    expected = config_in(saved) | {"ckpt_path": f"{saved}/checkpoints/last.ckpt"}
    *parents, leaf = key
    node = expected
    for parent in parents:
        node = node[parent]
    node[leaf] = value
    assert config == expected


def test_the_same_groups_may_be_given_again(saved):
    resume.resumed_config(LAST, saved, CHOICES, ["model=vae", "data=celeba", "model/network=strided_vae"])


@pytest.mark.parametrize(
    ("group", "now", "then"),
    [
        ("data", "lab_faces", "celeba"),
        ("model/network", "wide_vae", "strided_vae"),
        ("experiment", "report_a/vae", "None"),
    ],
)
def test_another_group_than_the_runs_is_refused(saved, group, now, then):
    with pytest.raises(CheckpointError) as error:
        resume.resumed_config(LAST, saved, CHOICES | {group: now}, [f"{group}={now}"])
    for part in (f"{group}={now}: ", str(saved), f"has {group}={then}", "start a new run"):
        assert part in str(error.value)


@pytest.mark.parametrize("override", ["trainer.max_epoch=60", "+model.extra=1", "datas.root=x", "seeds=3"])
def test_a_key_that_the_run_does_not_have_is_refused(saved, override):
    with pytest.raises(ConfigError, match=re.escape(f"{override}: the run in {saved} has no key")):
        resume.resumed_config(LAST, saved, CHOICES, [override])


def test_a_removed_key_is_removed_or_refused_but_not_emptied(saved):
    try:
        config = resume.resumed_config(LAST, saved, CHOICES, ["~callbacks.checkpoint"])
    except ConfigError:
        return
    assert "checkpoint" not in config["callbacks"]


def test_a_run_folder_that_moved_is_followed(saved, tmp_path):
    moved = tmp_path / "archive/of the run"
    moved.parent.mkdir()
    saved.rename(moved)
    config = resume.resumed_config(LAST, moved, CHOICES, [])
    assert config["run_dir"] == str(moved)
    assert config["callbacks"] == {
        "checkpoint": {"dirpath": f"{moved}/checkpoints"},
        "list": [f"{moved}/a", "b"],
    }
    assert config["model"] == config_in(saved)["model"]


def test_a_folder_whose_name_only_begins_like_the_run_folders_did_not_move_with_it(saved, tmp_path):
    moved = tmp_path / "moved"
    saved.rename(moved)
    config = resume.resumed_config(LAST, moved, CHOICES, [])
    assert config["data"]["cache_dir"] == f"{saved}_cache"


@pytest.mark.parametrize("missing", ["config.yaml", "invocation.json"])
def test_a_folder_that_is_no_run_folder_is_refused(saved, missing):
    (saved / missing).unlink()
    with pytest.raises(
        CheckpointError, match=re.escape(f"cannot read the run in {saved}: {saved / missing} is missing")
    ):
        resume.resumed_config(LAST, saved, CHOICES, [])


@pytest.mark.parametrize("file", ["config.yaml", "invocation.json"])
@pytest.mark.parametrize("content", ["", "{", "[]"])
def test_a_damaged_run_folder_is_a_checkpoint_error(saved, file, content):
    (saved / file).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=re.escape(str(saved))):
        resume.resumed_config(LAST, saved, CHOICES, [])


def test_invocations_are_appended_and_the_configuration_is_the_latest(saved):
    longer = config_in(saved)
    longer["trainer"]["max_epochs"] = 60
    record.write_invocation(saved, longer, CHOICES, ["ckpt_path=last", "trainer.max_epochs=60"])
    history = json.loads((saved / "invocation.json").read_text(encoding="utf-8"))
    assert [i["overrides"] for i in history] == [["seed=0"], ["ckpt_path=last", "trainer.max_epochs=60"]]
    assert [i["choices"] for i in history] == [CHOICES, CHOICES]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", i["time"]) for i in history)
    assert resume.resumed_config(LAST, saved, CHOICES, [])["trainer"]["max_epochs"] == 60


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
