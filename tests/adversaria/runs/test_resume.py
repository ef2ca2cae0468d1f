"""A resumed run is its own command line and the new one, composed together; it keeps what it had otherwise."""

import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from adversaria.config.as_typed import as_hydra_reads
from adversaria.config.command_lines import overrides_in
from adversaria.config.composition import composition
from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.runs import record, resume
from adversaria.runs.resumed_command import command_line
from adversaria.tools.compose import register_resolvers

PAIR = ["model=dann", "data=digit_pair", "data.source=lab_usps", "data.target=lab_mnistm", "data.root=/old"]
GAN = ["model=gan", "data=digits", "metrics=none", "data.batch_size=16"]


@pytest.fixture(autouse=True)
def _resolvers() -> None:
    register_resolvers()


def checkpoint(folder: Path, name: str = "last", time: float | None = None) -> Path:
    file = folder / "checkpoints" / f"{name}.ckpt"
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("weights", "1")
    if time is not None:
        os.utime(file, (time, time))
    return file


def run_in(folder: Path, *overrides: str, name: str = "the_name", time: float | None = None) -> Path:
    """Make the folder of a run that these overrides started."""
    composed = composition(*overrides)
    config = resume.resolved(composed.config, name=name, run_dir=str(folder))
    record.write_invocation(folder, config, composed.choices, list(overrides))
    checkpoint(folder, time=time)
    return folder


def resumed(ckpt_path: object, *given: str) -> tuple[dict[str, Any], list[str]]:
    """Resume as train.py does; return the configuration, and the overrides that are recorded."""
    arguments = overrides_in(command_line([f"ckpt_path={ckpt_path}", *given]))
    folder = Path(next(a for a in arguments if a.startswith("hydra.run.dir=")).partition("=")[2])
    task = [a for a in arguments if not a.startswith("hydra.run.")]
    composed = composition(*task)
    return resume.resumed_config(composed.config, folder, composed.choices, task)


def saved(folder: Path) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    return config


def test_a_run_goes_on_as_it_was(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", *GAN)
    config, given = resumed(run)
    assert config == saved(run) | {"ckpt_path": f"{run}/checkpoints/last.ckpt"}
    assert given == [f"ckpt_path={run}"]


def test_a_run_with_groups_of_the_users_own_goes_on(tmp_path: Path) -> None:
    (tmp_path / "my conf" / "model").mkdir(parents=True)
    mine = tmp_path / "my conf" / "model" / "mine.yaml"
    mine.write_text("defaults: [vae]\nlambda_kl: 0.5\n", encoding="utf-8")
    given = as_hydra_reads(["--config-dir", str(tmp_path / "my conf"), "model=mine", f"output_root={tmp_path}"])
    run = run_in(tmp_path / "mine_synthetic_faces" / "1", *given)
    for more in ([run, given[0]], ["auto", *given]):
        assert resumed(*more)[0]["model"]["lambda_kl"] == 0.5
    with pytest.raises(CheckpointError, match=r"again: model=mine: there is no such model; .*give --config-dir again"):
        resumed(run)


@pytest.mark.parametrize(
    ("started", "given", "reached"),
    [
        (
            PAIR,
            "data.root=/new",
            {"data.root": "/new", "data.sets.lab_usps.root": "/new", "data.sets.usps.root": "/new"},
        ),
        (PAIR, "seed=7", {"seed": 7, "data.seed": 7}),
        (["model=acgan", "labels=[Smiling]"], "labels=[Male]", {"model.network.labels": ["Male"], "labels": ["Male"]}),
        (["model=classifier", "labels=[Smiling]"], "labels=[Male]", {"model.network.labels": ["Male"]}),
        ([], "callbacks.checkpoint.monitor=val/mse", {"objective": "val/mse"}),
        (GAN, "~callbacks.samples", {"callbacks.samples": None, "callbacks.curves.every_n_epochs": 1}),
        (GAN, "trainer.max_epochs=60", {"trainer.max_epochs": 60, "data.batch_size": 16}),
        (GAN, "model.generator.optimizer.lr=1e-5", {"model.generator.optimizer.lr": 1e-5}),
        (GAN, "callbacks.checkpoint=null", {"callbacks.checkpoint": None, "objective": None}),
        (GAN, "data.root=null", None),
    ],
)
def test_what_refers_to_a_changed_key_changes_too(tmp_path: Path, started, given, reached) -> None:
    run = run_in(tmp_path / "run", *started)
    if reached is None:
        with pytest.raises(Exception, match=r"data\.root"):  # Hydra's: these digits have none
            resumed(run, given)
        return
    config, recorded = resumed(run, given)
    expected = {key: resume.value_at(config, key) for key in reached}
    assert expected == reached
    assert recorded == [f"ckpt_path={run}", given]


def test_later_starts_count_before_earlier_ones_and_after_none(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", *GAN, "seed=1")
    for given in ("seed=2", "trainer.max_epochs=9", "~callbacks.samples"):
        config, recorded = resumed(run, given)
        record.write_invocation(run, config, {}, recorded)
    config, _ = resumed(run)
    assert (config["seed"], config["data"]["seed"], config["trainer"]["max_epochs"]) == (2, 2, 9)
    assert "samples" not in config["callbacks"]
    assert resumed(run, "seed=3")[0]["data"]["seed"] == 3


def test_a_run_keeps_its_values_whatever_the_defaults_are_now(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", *GAN)
    config = saved(run)
    config["model"]["generator"]["optimizer"]["lr"] = 0.5  # as of a version with other defaults
    config["model"]["network"] |= {"width": 3, "gone": 1}
    del config["performance"]["data_on_gpu"], config["trainer"]["log_every_n_steps"]
    (run / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    default = composition(*GAN).config.model.generator.optimizer.lr
    now, _ = resumed(run, "seed=4", "trainer.log_every_n_steps=7")
    assert now["model"] == config["model"]
    assert now["data"] == config["data"] | {"seed": 4}
    assert now["performance"]["data_on_gpu"] is True  # of speed, today's
    assert now["trainer"]["log_every_n_steps"] == 7
    now, _ = resumed(run, f"model.generator.optimizer.lr={default}")  # said, though it is today's default
    assert now["model"]["generator"]["optimizer"]["lr"] == default


def test_a_group_whose_default_has_changed_stays_the_runs(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", *GAN, "model/network=dcgan", "data.image_size=64")
    starts = json.loads((run / "invocation.json").read_text(encoding="utf-8"))
    starts[0]["overrides"].remove("model/network=dcgan")  # it was the default then
    (run / "invocation.json").write_text(json.dumps(starts), encoding="utf-8")
    assert resumed(run, "model/network=dcgan")[0]["model"] == saved(run)["model"]
    with pytest.raises(CheckpointError, match="has model/network=dcgan"):
        resumed(run, "model/network=compact_gan")


def test_keys_of_the_old_command_line_that_are_gone_are_left_out(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", *GAN)
    starts = json.loads((run / "invocation.json").read_text(encoding="utf-8"))
    starts[0]["overrides"] += ["model.was_there=1", "data.was_too=2"]
    (run / "invocation.json").write_text(json.dumps(starts), encoding="utf-8")
    assert resumed(run, "seed=5")[0]["data"]["seed"] == 5


def test_groups_are_compared_with_their_package(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", *GAN, "model/update@model.generator=rmsprop")
    assert resumed(run, "model/update@model.generator=rmsprop")[0]["model"] == saved(run)["model"]
    for given, said in (("data=celeba", "has data=digits"), ("~model/loss", "model/loss=null: ")):
        with pytest.raises(CheckpointError, match=said):
            resumed(run, given)
    with pytest.raises(CheckpointError) as error:
        resumed(run, "model/update@model.generator=adam")
    for part in ("model/update@model.generator=adam: ", "has model/update@model.generator=rmsprop", "start a new run"):
        assert part in str(error.value)


@pytest.mark.parametrize("given", ["run_dir=elsewhere", "output_root=elsewhere", "hydra.run.dir=elsewhere"])
def test_a_resumed_run_stays_in_its_folder(tmp_path: Path, given: str) -> None:
    run = run_in(tmp_path / "run", *GAN)
    with pytest.raises(ConfigError, match=f"{given}: a resumed run stays in its folder"):
        resumed(run, given)
    assert resumed(run, "output_root=elsewhere", f"output_root={tmp_path}")[0]["output_root"] == "outputs"


@pytest.mark.parametrize("more", [[], ["-m", "seed=0,1"], ["ckpt_path=auto"]])
def test_a_new_run_cannot_be_sent_into_the_folder_of_another(tmp_path: Path, more: list[str]) -> None:
    with pytest.raises(ConfigError, match="a new run has a folder of its own; choose where with output_root and name"):
        command_line([*GAN, f"output_root={tmp_path}", "run_dir=elsewhere", *more])


def test_a_sweep_cannot_be_resumed_as_one_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="continues one run, but -m starts several"):
        command_line(["-m", "ckpt_path=last", "seed=0,1"])


def test_a_run_that_moved_is_followed(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", *GAN)
    moved = run.rename(tmp_path / "moved")
    config, _ = resumed(moved)
    assert config["run_dir"] == str(moved)
    assert config["callbacks"]["checkpoint"]["dirpath"] == f"{moved}/checkpoints"


def test_options_stay_where_they_are(tmp_path: Path) -> None:
    run = run_in(tmp_path / "run", *GAN)
    assert command_line(["seed=1", "--cfg", "job"]) == ["seed=1", "--cfg", "job"]
    arguments = command_line(["--cfg", "job", f"ckpt_path={run}"])
    assert arguments[:2] == ["--cfg", "job"]
    assert arguments[2:] == ["name=the_name", *GAN, f"ckpt_path={run}", f"hydra.run.dir={run}"]


# ---------------------------------------------------------------------------------------------- last, best and auto


def found(*arguments: str) -> str | None:
    line = command_line(list(arguments))
    return next((a.partition("=")[2] for a in line if a.startswith("hydra.run.dir=")), None)


def test_last_is_the_run_that_was_written_last_of_its_name_or_of_all(tmp_path: Path) -> None:
    root = f"output_root={tmp_path}"
    late, early = (tmp_path / "gan_digits" / name for name in ("2025", "2026"))  # by a clock that was set back
    run_in(late, *GAN, time=200), run_in(early, *GAN, time=100)
    other = run_in(tmp_path / "sweeps" / "s" / "job", "model=vae", time=300)
    checkpoint(early, "best")
    assert found("ckpt_path=last", root) == str(other)
    assert found("ckpt_path=last", root, "model=gan", "data=digits") == str(late)
    assert found("ckpt_path=best", root, "model=gan", "data=digits") == str(early)
    with pytest.raises(CheckpointError, match=r"no run under .*/vae_celeba has checkpoints"):
        found("ckpt_path=last", root, "data=celeba")


def test_auto_goes_on_with_the_newest_run_of_the_same_settings_only(tmp_path: Path, capsys) -> None:
    line = [f"output_root={tmp_path}", "ckpt_path=auto"]
    mine = run_in(tmp_path / "dann_digit_pair" / "a", *PAIR, time=100)
    other = run_in(tmp_path / "dann_digit_pair" / "b", *PAIR[:3], "data.target=lab_svhn", "data.root=/old", time=200)
    assert found(*line, *PAIR) == str(mine)
    assert found(*line, *PAIR, "trainer.max_epochs=9", "data.cache_dir=/elsewhere", "logger=default") == str(mine)
    assert found(*line, *PAIR, "data.root=/new") == str(mine)  # there is no /old any more
    assert found(*line, *PAIR[:3], "data.target=lab_svhn", "data.root=/old") == str(other)
    assert capsys.readouterr().err == ""
    for differing in ("seed=1", "model.network.width=4", "data.batch_size=8", "model/network=report_a_dann"):
        assert found(*line, *PAIR, differing) is None
        said = capsys.readouterr().err
        assert "a new run is started" in said
    assert command_line([*line, *PAIR, "seed=1"]) == [line[0], *PAIR, "seed=1"]


def test_auto_goes_on_with_the_run_in_the_folder_that_is_given_or_starts_one_there(tmp_path: Path, capsys) -> None:
    place = tmp_path / "chosen"
    line = [*GAN, f"output_root={tmp_path}", f"hydra.run.dir={place}"]
    for other in (tmp_path / "gan_digits" / "a", place / "below"):
        run_in(other, *GAN, time=200)
    assert command_line([*line, "ckpt_path=auto"]) == line
    run_in(place, *GAN, time=100)
    assert resumed("auto", *line)[0]["ckpt_path"] == f"{place}/checkpoints/last.ckpt"
    assert capsys.readouterr().err == ""
    assert command_line([*line, "seed=1", "ckpt_path=auto"]) == [*line, "seed=1"]
    assert f"{place}, the newest, has another seed" in capsys.readouterr().err


def test_auto_names_a_damaged_checkpoint_and_reads_a_good_one_once(tmp_path: Path, capsys, monkeypatch) -> None:
    run = run_in(tmp_path / "gan_digits" / "a", *GAN, time=100)
    damaged = checkpoint(run, "best")
    damaged.write_bytes(damaged.read_bytes()[:-5])
    reads = []
    test = zipfile.ZipFile.testzip
    monkeypatch.setattr(zipfile.ZipFile, "testzip", lambda archive: reads.append(archive.filename) or test(archive))
    config, _ = resumed("auto", f"output_root={tmp_path}", *GAN)
    assert config["ckpt_path"] == f"{run}/checkpoints/last.ckpt"
    assert f"{damaged} is damaged" in capsys.readouterr().err
    assert reads == [config["ckpt_path"]]
    with pytest.raises(CheckpointError, match=r"best\.ckpt is damaged; ckpt_path=auto takes the newest undamaged one"):
        resumed("best", f"output_root={tmp_path}", *GAN)


@pytest.mark.parametrize("file", ["config.yaml", "invocation.json"])
@pytest.mark.parametrize("content", [None, "", "{", "[]"])
def test_a_damaged_run_folder_is_a_checkpoint_error(tmp_path: Path, file: str, content: str | None) -> None:
    run = run_in(tmp_path / "run", *GAN)
    (run / file).unlink()
    if content is not None:
        (run / file).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=re.escape(f"cannot read the run in {run}")):
        resumed(run)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "run" / "checkpoints" / "epoch3.ckpt", tmp_path):
        with pytest.raises(CheckpointError, match=re.escape(f"ckpt_path={path}: there is no file {path}")):
            command_line([f"ckpt_path={path}"])


def test_no_option_of_hydra_is_taken_from_a_record(tmp_path):
    evil = "+hydra.callbacks.x={_target_: adversaria.runs.whole_files.replace_text}"
    others = ["hydra.output_subdir=/x", "hydra/job_logging=none", "~hydra.job", "++hydra.job.env_set.A=1"]
    start = {"choices": {}, "overrides": [evil, *others, "model=gan", "+trainer.hydra=1"]}
    (tmp_path / "invocation.json").write_text(json.dumps([start]), encoding="utf-8")
    assert resume.recorded(tmp_path)[0] == ["model=gan", "+trainer.hydra=1"]
