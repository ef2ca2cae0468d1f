"""Runs and command lines of version 0.1.0 are still understood: fixtures/old_runs, made by make_old_runs.sh."""

import functools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import evaluate
import generate
import report
from adversaria.config.renamed import renamed, renamed_arguments, renamed_choices, renamed_override
from lightning_modules import load
from lightning_modules.checkpoint import KEY
from lightning_modules.target_terms import TargetTerms

pytestmark = pytest.mark.xdist_group("old runs")  # each is resumed once

OLD = Path(__file__).resolve().parents[2] / "fixtures" / "old_runs"
#: Run -> overrides in the words of then that go along with resuming.
RUNS = {
    "vae": ["data=digits", "data.source.val_fraction=0.08", "data/source=digits"],
    "acgan": [],
    "dcgan": [],
    "dann": ["model=dann", "data=digits_mnist5k", "model.discriminator.width=4", "model/discriminator=domain"],
    "adamatch": [],
}
RUN_OF_GENERATOR = ["vae", "acgan", "dcgan"]
Resume = Callable[[str], tuple[Path, str]]


@pytest.fixture(scope="module")
def resumed(cli, cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Resume:
    """Resume a copy of an old run for a second epoch, once; return its folder and what stood on stderr."""

    @functools.cache
    def resume(name: str) -> tuple[Path, str]:
        folder = tmp_path_factory.mktemp("outputs") / name
        shutil.copytree(OLD / name, folder)
        changes = ["trainer.max_epochs=2", f"data.cache_dir={cache_dir}", *RUNS[name]]
        done = cli(folder.parent, f"ckpt_path={folder}", *changes)
        assert done.returncode == 0, done.stderr
        return folder, done.stderr

    return resume


def entry(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a checkpoint's own entry, and the states of its optimizers."""
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return checkpoint[KEY], checkpoint["optimizer_states"]


def steps(states: list[dict[str, Any]]) -> list[set[int]]:
    return [{int(s["step"]) for s in state["state"].values() if "step" in s} for state in states]


@pytest.mark.faults  # for its time: whole runs
@pytest.mark.parametrize("name", list(RUNS))
def test_an_old_run_is_resumed_with_its_optimizers(resumed: Resume, name: str) -> None:
    folder, _ = resumed(name)
    (before, states_before), (after, states) = entry(OLD / name), entry(folder)
    assert after["iteration"] == 2 * before["iteration"] == 4
    assert steps(states) == [{2 * step for step in of_one} for of_one in steps(states_before)]
    if "turns" in before:
        assert after["update_counts"] == {phase: 2 * count for phase, count in before["turns"].items()}
        assert "turns" not in after
    record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert record["protocol"]["iteration"] == 4
    assert len(json.loads((folder / "invocation.json").read_text(encoding="utf-8"))) == 2


@pytest.mark.faults  # for its time: whole runs
@pytest.mark.parametrize("name", ["vae", "dann"])
def test_stderr_says_what_an_old_key_is_called_now(resumed: Resume, name: str) -> None:
    lines = resumed(name)[1].splitlines()
    old = [override for override in RUNS[name] if renamed_override(override) != override]
    assert len(old) == 2
    for override in old:
        assert lines.count(f"{override}: this key has a new name; write {renamed_override(override)}") == 1


@pytest.mark.parametrize("name", list(RUNS))
def test_an_old_run_is_evaluated_as_at_its_end(name: str, cache_dir: Path, tmp_path: Path) -> None:
    folder = tmp_path / name
    shutil.copytree(OLD / name, folder)
    evaluate.main([str(folder), f"data.cache_dir={cache_dir}", "--device", "cpu"])
    record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    (evaluation,) = record["evaluations"]
    of_the_training = {"test/accuracy_oracle"}  # that of its best epoch
    saved = {metric: value for metric, value in record["metrics"].items() if metric not in of_the_training}
    assert evaluation["metrics"] == pytest.approx(saved, rel=1e-3)


@pytest.mark.parametrize("name", RUN_OF_GENERATOR)
def test_an_old_run_generates(name: str, tmp_path: Path) -> None:
    generate.main([str(OLD / name), "-n", "3", "--output", str(tmp_path / "images.npz"), "--device", "cpu"])
    with np.load(tmp_path / "images.npz") as content:
        assert content["images"].shape[0] == 3


@pytest.mark.faults  # for its time: whole runs
def test_old_runs_are_reported_on_beside_new_ones(resumed: Resume, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    report.main([str(OLD / "dann"), str(resumed("dann")[0]), str(OLD / "acgan"), "--output", str(page)])
    text = page.read_text(encoding="utf-8")
    assert "unfinished" not in text
    assert "domain_discriminator" in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("data.source.train=96", "data.reader.train=96"),
        ("+data.source.train=96", "+data.reader.train=96"),
        ("data/source=digits", "data/reader=digits"),
        ("data/source@data.sets.usps=digits", "data/reader@data.sets.usps=digits"),
        ("model.discriminator.width=8", "model.domain_discriminator.width=8"),
        ("model/discriminator=domain", "model/domain_discriminator=mlp"),
        ("model.discriminator.every=2", "model.discriminator.every=2"),  # of a GAN: an update
        ("data.source=usps", "data.source=usps"),  # of a pair: a domain
        ("~data.source.train", "~data.reader.train"),
        ("model.entropy=0.3", "model.target_terms.entropy=0.3"),
        ("model.entropy=0,1", "model.target_terms.entropy=0,1"),
        ("model.entropy_conditioning=true", "model.entropy_conditioning=true"),
        ("--cfg", "--cfg"),
        ("-m", "-m"),
    ],
)
def test_old_overrides_have_new_names(old: str, new: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert renamed_arguments([old, "seed=1"]) == [new, "seed=1"]
    said = capsys.readouterr().err.splitlines()
    assert said == ([] if old == new else [f"{old}: this key has a new name; write {new}"])


def test_a_group_without_a_choice_keeps_none() -> None:
    assert renamed_choices({"sweep": None, "data/source": "digits"}) == {"sweep": None, "data/reader": "digits"}


def test_a_configuration_of_today_is_left_as_it_is(compose) -> None:
    pair = "data=digits_mnist5k"
    for overrides in (["model=dann", pair], ["model=mcc", pair], ["model=acgan", "data=digits"]):
        config = compose(*overrides)
        assert renamed(config) == config


def test_the_weight_of_the_entropy_is_one_of_the_terms(compose) -> None:
    for model, weight in (("dann", 0.3), ("dsn", 0.3), ("adda", 0.0)):
        now = compose(f"model={model}", "data=digits_mnist5k", f"model.target_terms.entropy={weight}")["model"]
        then = {**{key: value for key, value in now.items() if key != "target_terms"}, "entropy": weight}
        assert renamed(then) == now
    now = compose("model=source_only", "data=digits_mnist5k")["model"]
    assert renamed({key: value for key, value in now.items() if key != "target_terms"}) == now


def test_a_checkpoint_of_then_has_its_entropy(tmp_path: Path) -> None:
    content = torch.load(OLD / "dann" / "checkpoints" / "last.ckpt", weights_only=True)
    content[KEY]["model"]["entropy"] = 0.7
    torch.save(content, tmp_path / "old.ckpt")
    module: Any = load(tmp_path / "old.ckpt")
    assert module.target_terms == TargetTerms(entropy=0.7)
