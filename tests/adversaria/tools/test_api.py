"""The functions of `adversaria` do what the command lines do, to the last bit, and leave the process as it was."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rich
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf

import adversaria
import generate as generate_command
from adversaria.config.containers import replace_prefix
from adversaria.runs.curves import read_metrics
from adversaria.tools.in_process import in_process
from lightning_modules.vae import VAE

pytestmark = pytest.mark.xdist_group("warm processes")  # one server of them

TRAIN = Path(__file__).resolve().parents[3] / "train.py"
SMALL = [
    *("data.reader.train=96", "data.reader.val=24", "data.reader.test=24", "data.batch_size=32"),
    *("model.network.width=4", "model.network.latent_dim=16", "trainer.max_epochs=2"),
    *("callbacks.tsne=null", "callbacks.curves=null", "callbacks.samples=null", "callbacks.reconstructions=null"),
    *("trainer.log_every_n_steps=1", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same run from a command line."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def inside(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(home)


@pytest.fixture(scope="module")
def commanded(home: Path, cli: Any) -> Path:
    """The folder of a run that a command line started."""
    done = cli(home, *SMALL)
    assert done.returncode == 0, done.stderr
    (folder,) = (home / "outputs" / "vae_synthetic_faces").iterdir()
    return folder


@pytest.fixture(scope="module")
def run(home: Path, commanded: Path) -> adversaria.Run:
    """The same run from Python, in a thread that is not the main one."""
    before = state()
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as pool:
        patch.chdir(home)
        run = pool.submit(adversaria.train, *SMALL).result()
    assert state() == before
    return run


def checkpoint_of(folder: Path) -> dict[str, Any]:
    """Return all that a checkpoint holds, as if its run lay elsewhere."""
    content = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    found: dict[str, Any] = replace_prefix(content, str(folder), "RUN")
    return found


def assert_same(one: Any, other: Any) -> None:
    """Compare nested containers of tensors to the last bit, but for the time that a run took."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert list(one) == list(other)
        for key in one:
            if key != "seconds":
                assert_same(one[key], other[key])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for pair in zip(one, other, strict=True):
            assert_same(*pair)
    elif isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    else:
        assert one == other


def curves(folder: Path) -> dict[str, Any]:
    return {k: v for k, v in read_metrics(folder / "metrics.csv").items() if not k.startswith("perf/")}


def state() -> dict[str, Any]:
    """What belongs to the whole process."""
    root = logging.getLogger()
    return {
        "environment": dict(os.environ),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "logging": (root.level, root.handlers[:], logging.getLogger("pytorch_lightning").level, root.manager.disable),
        "warnings": list(warnings.filters),
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook, sys.stdout, sys.argv[:], sys.path[:]),
        "console": dict(vars(rich.get_console())),
        "threads": set(threading.enumerate()),
        "folder": Path.cwd(),
        "hydra": (GlobalHydra.instance().hydra, HydraConfig.instance().cfg),
        "resolvers": [OmegaConf.has_resolver(name) for name in ("hydra", "run_dir", "job_name")],
        "generators": (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()),
        "torch": (
            *(torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic, torch.get_num_threads()),
            *(torch.are_deterministic_algorithms_enabled(), torch.is_grad_enabled(), torch.get_default_dtype()),
        ),
    }


def test_a_run_in_a_thread_is_that_of_the_command_line_to_the_last_bit(run: adversaria.Run, commanded: Path) -> None:
    assert run.folder != commanded
    assert_same(checkpoint_of(run.folder), checkpoint_of(commanded))
    assert curves(run.folder) == curves(commanded)
    record = json.loads((commanded / "metrics.json").read_text(encoding="utf-8"))
    assert run.metrics == record["metrics"]
    texts = [(f / "config.yaml").read_text(encoding="utf-8").replace(f.name, "RUN") for f in (run.folder, commanded)]
    assert texts[0] == texts[1]
    starts = [json.loads((f / "invocation.json").read_text(encoding="utf-8"))[0] for f in (run.folder, commanded)]
    assert starts[0]["overrides"] == starts[1]["overrides"]
    command = json.loads((run.folder / "environment.json").read_text(encoding="utf-8"))[0]["command"]
    assert command == ["train.py", *SMALL]
    assert {p.name for p in run.folder.iterdir()} == {p.name for p in commanded.iterdir()}


def test_a_second_run_after_an_error_is_the_same_and_nothing_is_left_of_either(
    run: adversaria.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    random.random(), np.random.rand(), torch.rand(1)
    monkeypatch.setenv("PL_GLOBAL_SEED", "3")
    OmegaConf.register_new_resolver("run_dir", lambda *names: "mine", replace=True)
    before = state()
    with monkeypatch.context() as patch:
        patch.delattr(VAE, "objective")
        for switch in ("benchmark", "deterministic"):
            with pytest.raises(AttributeError, match="objective"):
                adversaria.train(*SMALL, f"trainer.{switch}=true")
    assert state() == before
    again = adversaria.train(*SMALL, "trainer.enable_progress_bar=true")
    assert state() == before
    assert OmegaConf.create({"folder": "${run_dir:a,b}"}).folder == "mine"
    assert_same(checkpoint_of(again.folder), checkpoint_of(run.folder))


@pytest.mark.parametrize(
    ("overrides", "kind", "sentence"),
    [
        (["model=gna"], adversaria.ConfigError, "model=gna: there is no such model; did you mean gan?"),
        (["epochs=3"], adversaria.ConfigError, "did you mean trainer.max_epochs=3?"),
        (["data.root=pics"], adversaria.ConfigError, f"python {TRAIN} data=folder data.root=pics"),
        (["model.lambda_kl=-1"], adversaria.ConfigError, "model.lambda_kl=-1: expected float >= 0"),
        (["data=celeba", "data.root=nowhere"], adversaria.DataError, "nowhere/celeba"),
        (["ckpt_path=best", "name=x"], adversaria.CheckpointError, "outputs/x has checkpoints/best.ckpt"),
        ([["model=gan"]], adversaria.ConfigError, "['model=gan']: write each override as a text of its own"),
        (["-m", "seed=0,1"], adversaria.ConfigError, "there is adversaria.sweep"),
        (["trainer.devices=2", "trainer=ddp", *SMALL], adversaria.ConfigError, f"python {TRAIN} trainer.devices=2"),
    ],
)
def test_an_error_is_raised_with_the_sentence_of_the_command_line(
    overrides: list[str], kind: type[Exception], sentence: str, home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before, there = state(), set(home.rglob("*/*/*"))
    with pytest.raises(kind) as raised:
        adversaria.train(*overrides)
    assert sentence in str(raised.value)
    assert type(raised.value) is kind
    assert "rror" not in capfd.readouterr().err
    assert (state(), set(home.rglob("*/*/*"))) == (before, there)


def test_one_thing_is_done_at_a_time(run: adversaria.Run) -> None:
    with in_process():
        for call in (adversaria.train, lambda: adversaria.load(run), lambda: adversaria.generate(run)):
            with pytest.raises(adversaria.UserError, match="at work in this process already"):
                call()
    assert adversaria.load(run.folder).iteration == 6


def test_what_is_logged_is_printed_unless_the_program_has_handlers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for handlers, printed in (([logging.NullHandler()], False), ([], True)):
        monkeypatch.setattr(logging.getLogger(), "handlers", handlers)
        with in_process():
            logging.getLogger("adversaria").warning("a line")
        assert ("] a line\n" in capsys.readouterr().out) == printed
        assert logging.getLogger().handlers == handlers


def test_a_run_folder_is_read_when_something_is_asked_for(run: adversaria.Run, tmp_path: Path) -> None:
    same = adversaria.open_run(os.path.relpath(run))
    assert same.folder == run.folder
    assert same.model is same.model
    assert type(same.model) is VAE
    assert same.report().read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    with pytest.raises(adversaria.CheckpointError, match="is not a run folder"):
        adversaria.open_run(tmp_path)
    (tmp_path / "config.yaml").touch()
    (tmp_path / "figures").mkdir()
    for name in ("samples_0000003.png", "samples_0000012.png", "samples.gif", "tsne_0000003.npz"):
        (tmp_path / "figures" / name).touch()
    unfinished = adversaria.Run(tmp_path)
    assert {name: file.name for name, file in unfinished.figures.items()} == {
        **{"samples": "samples_0000012.png", "evolution": "samples.gif"}
    }
    assert unfinished.metrics == {}


def test_images_are_those_of_the_command_line(run: adversaria.Run, tmp_path: Path) -> None:
    before = state()
    images = adversaria.generate(run, n=5, seed=3, batch_size=2, device="cpu")
    assert state() == before
    assert (images.shape, images.dtype) == ((5, 64, 64, 3), np.uint8)
    file, options = tmp_path / "images.npz", ["-n", "5", "--seed", "3", "--batch-size", "2", "--device", "cpu"]
    generate_command.main([str(run.folder), *options, "--output", str(file)])
    assert np.array_equal(np.load(file)["images"], images)
    written = adversaria.generate(run, n=5, seed=3, batch_size=2, device="cpu", output=str(tmp_path / "again.npz"))
    assert np.array_equal(np.load(tmp_path / "again.npz")["images"], written)
    with pytest.raises(adversaria.ConfigError, match="VAE has no labels"):
        adversaria.generate(run, label={"Smiling": 1})


def test_what_is_measured_is_appended_to_the_record(run: adversaria.Run) -> None:
    before = state()
    record = adversaria.evaluate(run, "data.batch_size=32", split="test", device="cpu")
    assert state() == before
    assert record["metrics"] == pytest.approx(run.metrics, rel=1e-4)
    assert json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))["evaluations"][-1] == record
    with pytest.raises(adversaria.ConfigError, match=r"spilt: there is no such option; did you mean split\?"):
        adversaria.evaluate(run, spilt="val")
    with pytest.raises(adversaria.ConfigError, match="split='vla': expected one of 'train', 'val', 'test'"):
        adversaria.evaluate(run, split="vla")


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl+C in the fourth step of a run, which is within its second epoch."""
    step = VAE.training_step

    def pressed(self: VAE, batch: Any, index: int) -> Any:
        if self.iteration == 4:
            signal.raise_signal(signal.SIGINT)
        return step(self, batch, index)

    monkeypatch.setattr(VAE, "training_step", pressed)


@pytest.mark.faults
def test_ctrl_c_saves_the_run_which_then_goes_on_to_the_same_end(
    run: adversaria.Run, interrupted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state()
    with pytest.raises(KeyboardInterrupt):
        adversaria.train(*SMALL, "name=stopped")
    assert state() == before
    (folder,) = Path("outputs/stopped").iterdir()
    assert checkpoint_of(folder)["adversaria"]["iteration"] in (4, 5)
    monkeypatch.undo()
    monkeypatch.chdir(run.folder.parents[2])
    resumed = adversaria.train("ckpt_path=last", "name=stopped")
    assert resumed.folder == folder.absolute()
    assert_same(checkpoint_of(resumed.folder)["state_dict"], checkpoint_of(run.folder)["state_dict"])
    assert resumed.metrics == run.metrics
    assert curves(resumed.folder) == curves(run.folder)


@pytest.mark.faults
def test_an_interrupt_that_comes_as_an_error_ends_the_call_and_not_the_process(
    run: adversaria.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a debugger raises it, and Python where nothing is saved."""
    before = state()

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    for step in ("training_step", "test_step"):
        monkeypatch.setattr(VAE, step, interrupted)
    for call in (lambda: adversaria.train(*SMALL), lambda: adversaria.evaluate(run, device="cpu")):
        with pytest.raises(KeyboardInterrupt):
            call()
        assert state() == before


@pytest.mark.faults
def test_a_sweep_is_a_table_that_goes_on_with_what_is_missing(
    run: adversaria.Run, interrupted: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, jobs = state(), [*SMALL, "model.lambda_kl=-1,0,1e-4"]
    with pytest.raises(KeyboardInterrupt):
        adversaria.sweep(*jobs)
    monkeypatch.undo()
    monkeypatch.chdir(run.folder.parents[2])
    table = adversaria.sweep(*jobs)
    assert state() == before
    assert list(table["model.lambda_kl"]) in ([0, 1e-4, -1], [1e-4, 0, -1])  # by their objective
    assert list(table.status[:2]) == ["done", "done"]
    assert table.status[2] == "failed: model.lambda_kl=-1: expected float >= 0.0"
    (same,) = table[table["model.lambda_kl"] == 1e-4].index
    assert table.psnr[same] == run.metrics["test/psnr"]
    assert adversaria.open_run(table.folder[same]).metrics == run.metrics
    with pytest.raises(adversaria.ConfigError, match="objective=val/los: this run logs no such metric"):
        adversaria.sweep(*SMALL, "objective=val/los", "seed=0")
    assert state() == before
