"""Names and summary of a sweep."""

import csv
import io
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from support.markdown import tables_of

from adversaria.config.errors import CONF, ConfigError, Refused, one_sentence_errors
from adversaria.sweeps import jobs, summary
from adversaria.sweeps.end_table import print_table
from adversaria.sweeps.job_record import find_jobs
from adversaria.sweeps.names import LONGEST, job_name, scenario, shortest, sweep_folder
from adversaria.sweeps.sweep import Sweep, _discard_unstarted, error_of


def test_keys_are_cut_as_far_as_they_stay_apart() -> None:
    keys = ["model.generator.optimizer.lr", "model.discriminator.optimizer.lr", "model.lambda_kl", "data"]
    assert shortest(keys) == ["generator.optimizer.lr", "discriminator.optimizer.lr", "lambda_kl", "data"]
    assert shortest(["a.lr", "b.a.lr"]) == ["a.lr", "b.a.lr"]


def test_a_pair_of_folders_is_named_by_them_in_a_sweep_and_any_other_by_its_choice() -> None:
    assert scenario("usps_mnistm", {"source": "usps", "target": "mnistm"}) == "usps_mnistm"
    roots = {"source_root": "/a/my photos/images", "target_root": "/a/drawings/images"}
    assert scenario("folder_pair", {**roots, "source": None, "target": None}) == "my-photos_drawings"


def test_a_job_is_named_by_what_is_swept() -> None:
    overrides = ["model.lambda_kl=1e-05", "data.scale=[1,2]", "+seed=1", "data.root=/a/b", "model/network@x=wide"]
    assert job_name(overrides, ["data.root", "data.scale"], 3) == "lambda_kl=1e-05,seed=1,network@x=wide".replace(
        "@", "-"
    )
    assert job_name(["data.root=/a/b"], ["data.root"], 3) == "3"
    names = [job_name([f"model.{'x' * 200}={value}"], [], 0) for value in (1, 2)]
    assert len(set(names)) == 2
    assert max(len(name.encode()) for name in names) <= LONGEST


def test_a_sweep_is_named_by_its_keys_and_by_what_is_fixed() -> None:
    folder = sweep_folder("outputs", ["model.lambda_kl", "seed"], ["data=celeba", "trainer.max_epochs=3"])
    assert Path(folder).name.startswith("lambda_kl_seed_")
    assert folder == sweep_folder("outputs", ["seed", "model.lambda_kl"], ["trainer.max_epochs=3", "data=celeba"])
    assert folder != sweep_folder("outputs", ["model.lambda_kl", "seed"], ["data=celeba", "trainer.max_epochs=4"])


def finish(sweep: Path, overrides: dict[str, Any], mse: float | None, error: str | None = None) -> None:
    folder = sweep / ",".join(f"{k}={v}" for k, v in overrides.items())
    folder.mkdir(parents=True)
    texts = [f"{k}={v}" for k, v in {"data": "celeba", **overrides}.items()]
    if error:
        (folder / "failure.json").write_text(json.dumps({"overrides": texts, "error": error}), encoding="utf-8")
        return
    (folder / "invocation.json").write_text(json.dumps([{"overrides": texts}]), encoding="utf-8")
    (folder / "config.yaml").write_text("objective: test/loss\n", encoding="utf-8")
    if mse is not None:
        metrics = {
            "test/mse": mse,
            "test/loss": 2 * mse,
            "test/kld": 1 / mse,
            "test/accuracy/a": 1,
            "test/fid_floor": 1,
        }
        (folder / "metrics.json").write_text(json.dumps({"metrics": metrics}), encoding="utf-8")


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    for seed, mse in ((0, 0.3), (1, 0.5)):
        finish(tmp_path, {"model.lambda_kl": 0.1, "seed": seed}, mse)
    finish(tmp_path, {"model.lambda_kl": 0.01, "seed": 0}, 0.2)
    finish(tmp_path, {"model.lambda_kl": 0.01, "seed": 1}, None)
    finish(tmp_path, {"model.lambda_kl": 5, "seed": 0}, None, error="no | such <thing>")
    return tmp_path


def test_the_summary_has_means_over_seeds_best_first_and_says_what_is_missing(sweep: Path) -> None:
    summary.write(sweep, summary.read(sweep))
    text = (sweep / "summary.md").read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines()]
    assert lines[0] == ["lambda_kl", "status", "jobs", "test/loss", "kld", "loss", "mse"]
    assert lines[2] == ["0.01", "unfinished", "2", "0.4", "5", "0.4", "0.2"]
    assert lines[3] == ["0.1", "done", "2", "0.8 ± 0.28", "2.667 ± 0.94", "0.8 ± 0.28", "0.4 ± 0.14"]
    assert lines[4][1] == r"failed: no \| such &lt;thing>"
    with (sweep / "summary.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 5
    assert {row["data"] for row in rows} == {"celeba"}
    assert [row["mse"] for row in rows if row["model.lambda_kl"] == "0.1"] == ["0.3", "0.5"]


def test_the_end_of_a_sweep_has_the_settings_in_words(sweep: Path, capsys) -> None:
    print_table(summary.read(sweep), sweep / "summary.html")
    lines = capsys.readouterr().out.splitlines()
    rows = [" ".join(line.split()) for line in lines]
    heads = set(" ".join(rows[: next(i for i, row in enumerate(rows) if "──" in row)]).split())
    assert {"lambda_kl", "status", "jobs", "loss", "↓", "MSE,", "latents", "sampled", "KLD"} < heads
    assert "0.01 unfinished 2 0.400 0.200 5" in rows
    assert "0.1 done 2 0.800±0.28 0.400±0.14 2.67±0.94" in rows
    assert "5 failed 1" in rows
    assert lines[-3] == "5 failed: no | such <thing>"
    assert "Lowest test/loss first. " in lines[-2]
    assert lines[-1] == f"All metrics, charts and pictures: {sweep / 'summary.html'}"


def test_shares_are_in_per_cent_and_a_narrow_terminal_loses_nothing(tmp_path: Path, capsys, monkeypatch) -> None:
    for seed, accuracy in ((0, 0.9394), (1, 0.9412)):
        finish(tmp_path, {"model": "dann", "seed": seed}, 0.1)
        file = tmp_path / f"model=dann,seed={seed}" / "metrics.json"
        file.write_text(json.dumps({"metrics": {"test/accuracy": accuracy, "test/loss": 0.1}}), encoding="utf-8")
    finish(tmp_path, {"model": "adda", "seed": 0}, 0.1)
    for text, encoding in (("94.0±0.1 %", "utf-8"), ("94.0+/-0.1 %", "ascii")):
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
        print_table(summary.read(tmp_path), tmp_path / "summary.html")
        sys.stdout.flush()
        said = sys.stdout.buffer.getvalue().decode(encoding)
        assert text in said
        assert "…" not in said


def test_values_that_are_not_finite_end_no_sweep(tmp_path: Path, capsys) -> None:
    for seed, value in ((0, None), (1, 0.5)):  # a record has no other word for NaN
        finish(tmp_path, {"model.lambda_kl": 0.1, "seed": seed}, 0.1)
        file = tmp_path / f"model.lambda_kl=0.1,seed={seed}" / "metrics.json"
        file.write_text(json.dumps({"metrics": {"test/loss": value, "test/mse": 0.25}}), encoding="utf-8")
    found = summary.read(tmp_path)
    summary.write(tmp_path, found)
    assert "| done | 2 | nan ± nan | 0.5 | 0.25 ± 0 |" in (tmp_path / "summary.md").read_text(encoding="utf-8")
    print_table(found, tmp_path / "summary.html")
    assert "2 not finite 0.250±0" in " ".join(capsys.readouterr().out.split())


def test_people_read_each_quantity_once_and_machines_all(tmp_path: Path) -> None:
    finish(tmp_path, {"model.lambda_kl": 0.1}, 0.3)
    file = tmp_path / "model.lambda_kl=0.1" / "metrics.json"
    metrics = {"test/kld": 7.5, "test/kld_nats": 7.5, "test/mse_01": 0.1, "test/mse_pm1": 0.4}
    file.write_text(json.dumps({"metrics": metrics, "protocol": {"value_range": [-1, 1]}}), encoding="utf-8")
    found = summary.read(tmp_path)
    summary.write(tmp_path, found)
    (table,) = tables_of((tmp_path / "summary.md").read_text(encoding="utf-8"))
    assert table[0][-2:] == ["kld_nats", "mse_pm1"]
    assert found.metrics == ["kld", "kld_nats", "mse_01", "mse_pm1"]
    assert "kld,kld_nats,mse_01,mse_pm1" in (tmp_path / "summary.csv").read_text(encoding="utf-8")


def test_a_job_that_was_refused_while_another_process_did_it_is_done(sweep: Path) -> None:
    refused = {"overrides": ["data=celeba", "model.lambda_kl=0.1", "seed=0"], "error": "another process is running"}
    (sweep / "model.lambda_kl=0.1,seed=0" / "failure.json").write_text(json.dumps(refused), encoding="utf-8")
    assert [job.status for job in summary.read(sweep).jobs].count("done") == 3


def test_a_failed_job_has_its_error_beside_its_status(sweep: Path) -> None:
    jobs = {job.folder.name: (job.status, job.error, job.outcome) for job in summary.read(sweep).jobs}
    assert jobs["model.lambda_kl=5,seed=0"] == ("failed", "no | such <thing>", "failed: no | such <thing>")
    assert jobs["model.lambda_kl=0.01,seed=1"] == ("unfinished", None, "unfinished")


def test_a_job_on_several_devices_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    trainer = SimpleNamespace(strategy=SimpleNamespace(launcher=object()), world_size=2)
    jobs.check_trainer(trainer)  # a run of its own
    monkeypatch.setattr(HydraConfig, "initialized", lambda: True)
    monkeypatch.setattr(HydraConfig, "get", lambda: SimpleNamespace(mode=RunMode.MULTIRUN))
    with pytest.raises(ConfigError, match="hydra/launcher=joblib"):
        jobs.check_trainer(trainer)


@pytest.mark.parametrize(
    ("job", "gpus", "trainer", "devices"),
    [
        (3, 2, {"devices": 1, "accelerator": "auto"}, [1]),
        (4, 2, {"devices": 1, "accelerator": "gpu"}, [0]),
        (3, 1, {"devices": 1, "accelerator": "auto"}, None),
        (3, 0, {"devices": 1, "accelerator": "auto"}, None),
        (3, 2, {"devices": [0], "accelerator": "auto"}, None),  # chosen
        (3, 2, {"devices": 1, "accelerator": "cpu"}, None),
    ],
)
def test_jobs_take_the_gpus_in_turn(job, gpus, trainer, devices, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    import torch
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert jobs.gpu_of_job(trainer) == {}  # a run of its own
    monkeypatch.setattr(HydraConfig, "initialized", lambda: True)
    monkeypatch.setattr(
        HydraConfig, "get", lambda: SimpleNamespace(mode=RunMode.MULTIRUN, job=SimpleNamespace(num=job))
    )
    assert jobs.gpu_of_job(trainer).get("devices") == devices


def test_the_error_of_a_failed_job_is_found_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    from hydra.core.utils import JobReturn, JobStatus

    returned = JobReturn(status=JobStatus.FAILED)
    returned.return_value = error = ValueError("what went wrong")  # as hydra.core.utils.run_job sets it
    assert error_of(returned) is error
    assert capsys.readouterr().err == ""


def test_jobs_are_told_the_fixed_keys_by_a_key_that_hydra_has() -> None:
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from omegaconf import OmegaConf

    given = ["data.root='/my pictures'", "model.lambda_kl=0,1"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        start = OmegaConf.create({"hydra": {"sweeper": {}, "sweep": {"dir": ""}, "overrides": {"task": given}}})
        start.hydra.overrides.hydra, start.output_root = [], "outputs"
        Sweep().on_multirun_start(start)
        cfg = hydra_compose("train", overrides=list(start.hydra.overrides.hydra), return_hydra_config=True)
    assert cfg.hydra.job.config.override_dirname.exclude_keys == ["data.root"]
    assert cfg.hydra.sweep.dir == start.hydra.sweep.dir
    subdir = OmegaConf.to_container(cfg.hydra.sweep, resolve=False)["subdir"]  # type: ignore[call-overload,index]
    assert "override_dirname.exclude_keys" in subdir


def test_keys_are_told_apart_with_their_package() -> None:
    keys = ["model/update@model.generator", "model/update@model.discriminator"]
    assert shortest(keys) == ["generator", "discriminator"]
    jobs = [[f"{keys[0]}={g}", f"{keys[1]}=adam", "seed=0"] for g in ("adam", "rmsprop")]
    assert [job_name(job, [keys[1]], 0) for job in jobs] == ["generator=adam,seed=0", "generator=rmsprop,seed=0"]


@pytest.mark.parametrize("values", [("/a/one", "/a-one"), ("a b", "a-b"), ("[Male]", "{Male}"), ("x" * 200, "x" * 201)])
def test_different_values_have_different_folders(values: tuple[str, str]) -> None:
    assert len({job_name([f"data.root={value}"], [], 0) for value in values}) == 2


def test_a_sweep_over_one_group_in_two_packages_fixes_only_what_is_fixed() -> None:
    from omegaconf import OmegaConf

    given = ["model=gan", "model/update@model.generator=adam,rmsprop", "model/update@model.discriminator=adam"]
    start = OmegaConf.create({"hydra": {"sweeper": {}, "sweep": {"dir": ""}, "overrides": {"task": given}}})
    start.hydra.overrides.hydra, start.output_root = [], "outputs"
    Sweep().on_multirun_start(start)
    folder, fixed = start.hydra.overrides.hydra
    assert "/generator_" in folder
    assert fixed.endswith("=[model,'model/update@model.discriminator']")


@pytest.mark.parametrize(
    ("objective", "direction", "refused"),
    [
        ("val/accuracy", "minimize", True),
        ("val/accuracy", "maximize", False),
        ("val/loss", "minimize", False),
        ({"metric": "val/loss", "mode": "max"}, "minimize", True),
        (None, "minimize", False),
        ("val/accuracy", None, False),  # the sweeper searches for nothing
    ],
)
def test_a_search_goes_the_way_of_the_objective(objective: Any, direction: str | None, refused: bool) -> None:
    from omegaconf import OmegaConf

    checkpoint = {"monitor": "val/accuracy", "mode": "max"}
    hydra = {"sweeper": {"direction": direction}, "sweep": {"dir": ""}, "overrides": {"task": [], "hydra": []}}
    config = {"hydra": hydra, "objective": objective, "callbacks": {"checkpoint": checkpoint}, "output_root": "outputs"}
    if not refused:
        Sweep().on_multirun_start(OmegaConf.create(config))
        return
    with pytest.raises(Refused, match=r"set hydra\.sweeper\.direction=maximize"):
        Sweep().on_multirun_start(OmegaConf.create(config))


def test_the_highest_is_the_best_where_the_objective_says_so(sweep: Path) -> None:
    for config in sweep.rglob("config.yaml"):
        config.write_text("objective: {metric: test/loss, mode: max}\n", encoding="utf-8")
    found = summary.read(sweep)
    assert [row.values[0] for row in found.rows] == ["0.1", "0.01", "5"]  # the failed last
    assert summary.caption(found).startswith("Highest test/loss first.")


def test_a_sweep_of_which_every_job_is_refused_alike_leaves_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from omegaconf import OmegaConf

    folder = tmp_path / "sweeps" / "seed_123456"
    for seed in (0, 1):
        finish(folder, {"seed": seed}, None, error="objective=val/los: this run logs no such metric")
    (folder / "multirun.yaml").touch()
    summary.write(folder, summary.read(folder))
    config = OmegaConf.create({"hydra": {"sweep": {"dir": str(folder)}}, "output_root": str(tmp_path)})
    with pytest.raises(SystemExit) as stop, one_sentence_errors():
        Sweep().on_multirun_end(config)
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: objective=val/los: this run logs no such metric\n"
    assert list(tmp_path.iterdir()) == []


def launched_by(launcher: str) -> DictConfig:
    return OmegaConf.create({"hydra": {"launcher": {"_target_": launcher}}})


def test_ctrl_c_ends_the_first_process_of_joblib_at_once_so_that_its_jobs_can_save() -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        jobs.prepare_launcher(launched_by("hydra._internal.core_plugins.basic_launcher.BasicLauncher"))
        assert signal.getsignal(signal.SIGINT) is before
        jobs.prepare_launcher(launched_by("hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"))
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(("asked", "sent"), [(0, ["SIGTERM", "SIGKILL"]), (2, ["SIGKILL"])])
def test_a_job_that_is_stopping_is_not_stopped_twice(asked: int, sent: list[str], monkeypatch) -> None:
    found: list[str] = []
    monkeypatch.setattr(jobs.signals, "asked", lambda: asked)
    monkeypatch.setattr(jobs.os, "kill", lambda process, number: found.append(signal.Signals(number).name))
    monkeypatch.setattr(jobs, "SAVING", 0)
    jobs._watch(parent=-1)
    assert found == sent


def end_job(sweep: Sweep, job: Path, error: Exception | None) -> None:
    from hydra.core.utils import JobReturn, JobStatus
    from omegaconf import OmegaConf

    folders = {"runtime": {"output_dir": str(job)}, "sweep": {"dir": str(job.parent)}}
    hydra = {"mode": "MULTIRUN", "overrides": {"task": ["seed=1"]}, "sweeper": {}, **folders}
    returned = JobReturn(status=JobStatus.FAILED if error else JobStatus.COMPLETED)
    returned.return_value = error
    config = OmegaConf.create({"hydra": hydra, "output_root": str(job.parent.parent)})
    config.hydra.mode = RunMode.MULTIRUN
    sweep.on_job_end(config, returned)


def test_a_refused_job_changes_nothing_in_the_folder_of_a_run(tmp_path: Path) -> None:
    from omegaconf import OmegaConf

    folder = tmp_path / "sweeps" / "a"
    finish(folder, {"seed": 0}, 0.5)
    (job,) = {file.parent for file in folder.rglob("config.yaml")}
    before = {file: file.read_bytes() for file in job.iterdir() if file.is_file()}
    sweep = Sweep()
    sweep.on_job_start(OmegaConf.create({"hydra": {"runtime": {"output_dir": str(job)}}}))
    end_job(sweep, job, ConfigError("it has a run with another seed"))
    assert {file: file.read_bytes() for file in job.iterdir() if file.is_file()} == before
    assert [found.error for found in find_jobs(folder)] == [None, "it has a run with another seed"]
    end_job(sweep, job, None)
    assert len(find_jobs(folder)) == 1


def test_a_sweep_that_hydra_refuses_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "sweeps" / "lr_1a2b3c"
    folder.mkdir(parents=True)
    (folder / "multirun.yaml").touch()
    _discard_unstarted(folder, tmp_path)
    assert list(tmp_path.iterdir()) == []
    finish(folder, {"seed": 0}, 0.5)
    before = sorted(folder.rglob("*"))
    _discard_unstarted(folder, tmp_path)
    assert sorted(folder.rglob("*")) == before
