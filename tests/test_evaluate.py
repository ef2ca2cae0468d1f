"""evaluate.py: it repeats what training measured, measures other images, and says what is wrong in one sentence."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import evaluate
from adversaria.config.errors import ConfigError, DataError
from adversaria.runs import resume, run_folder
from adversaria.runs.curves import read_metrics
from adversaria.runs.record import write_invocation
from adversaria.tools import configuration, train
from adversaria.tools import evaluate as measuring
from adversaria.tools.configuration import run_configuration

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def run(tiny_run, tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    shutil.copytree(tiny_run[0], folder)
    return folder


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def test_torch_is_imported_only_when_it_is_needed() -> None:
    readers = "datamodules.readers.archives, datamodules.readers.decoding"  # of reference files and of pictures
    probe = f"import sys, evaluate, generate, adversaria.tools.export, {readers}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.xdist_group("warm processes")
def test_a_run_is_measured_as_at_its_end_and_the_figures_are_appended(run: Path, tmp_path: Path, cli) -> None:
    before, files = record(run), sorted(run.rglob("*"))
    for _ in range(2):
        done = cli(tmp_path, str(run), script="evaluate.py")
        assert done.returncode == 0, done.stderr
    assert "MSE, latents at their means" in done.stdout
    after = record(run)
    first, second = after.pop("evaluations")
    assert after == before
    assert first["metrics"] == second["metrics"] == pytest.approx(before["metrics"], rel=1e-4)
    assert {k: first["protocol"][k] for k in ("split", "weights", "iteration", "n_test")} == {
        **{"split": "test", "weights": "last", "iteration": 6, "n_test": 24}
    }
    assert sorted(run.rglob("*")) == sorted({*files, run / ".lock"})  # no picture, log or checkpoint
    assert list(tmp_path.iterdir()) == [run]


@pytest.mark.parametrize("checkpoint", ["last", "best"])
def test_the_validation_split_has_the_loss_of_the_validation(run: Path, checkpoint: str) -> None:
    evaluate.main([str(run), "--split", "val", "--checkpoint", checkpoint, "--device", "cpu"])
    (done,) = record(run)["evaluations"]
    losses = read_metrics(run / "metrics.csv")["val/loss"][1]
    assert done["metrics"]["test/loss"] == pytest.approx(min(losses) if checkpoint == "best" else losses[-1], rel=1e-4)
    assert (done["protocol"]["split"], done["protocol"]["weights"]) == ("val", checkpoint)


def test_a_bare_checkpoint_is_measured_by_its_kind_on_data_that_is_named(run: Path, tmp_path: Path, capsys) -> None:
    bare = tmp_path / "bare.ckpt"
    shutil.copy(run / "checkpoints" / "last.ckpt", bare)
    data = [f"data.reader.{split}={count}" for split, count in (("train", 96), ("val", 24), ("test", 24))]
    arguments = [str(bare), "--data", "synthetic_faces", *data, f"data.cache_dir={tmp_path / 'cache'}"]
    arguments += ["--batch-size", "32", "--device", "cpu"]
    evaluate.main(arguments)
    assert "structural similarity" in capsys.readouterr().out
    assert {p.name for p in tmp_path.iterdir()} == {"run", "bare.ckpt", "cache"}
    evaluate.main([*arguments, "--output", str(tmp_path / "metrics.json")])
    (done,) = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["evaluations"]
    assert done["metrics"] == pytest.approx(record(run)["metrics"], rel=1e-4)
    assert done["protocol"]["weights"] == str(bare)


def test_a_run_is_measured_on_another_data_set_at_its_own_size(untrained, compose, cache_dir, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    small = ["model=classifier", "model.network.width=4", f"data.cache_dir={cache_dir}", "trainer.accelerator=cpu"]
    config = compose(*small, "data=digits", "data.image_size=16", "callbacks.progress_bar=null", folder=folder)
    write_invocation(folder, config, {}, [])
    (folder / "checkpoints").mkdir()
    shutil.copy(untrained(*small, "data=digits"), folder / "checkpoints" / "last.ckpt")
    evaluate.main([str(folder), "--data", "mnist5k", "--split", "train", "--device", "cpu"])
    (done,) = record(folder)["evaluations"]
    assert (done["protocol"]["data"], done["protocol"]["image_size"]) == ("mnist5k", 16)
    assert 0 <= done["metrics"]["test/accuracy"] < 0.5
    assert resume.resumed_job(config, folder)[1] is False  # measured, but not finished


def test_an_adapted_run_repeats_its_figures(compose, cache_dir: Path, tmp_path: Path) -> None:
    small = ["model=dann", "data=digits_mnist5k", "data.image_size=16", "model.network.width=4"]
    small += ["model.domain_discriminator.width=8", "trainer.max_epochs=1", "trainer.limit_train_batches=3"]
    quiet = ["callbacks.progress_bar=null", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"]
    folder = tmp_path / "dann"
    config = compose(*small, *quiet, "callbacks.tsne=null", f"data.cache_dir={cache_dir}", folder=folder)
    folder.mkdir()
    train.train(config, folder)
    measured = measuring.evaluate(config, folder / "checkpoints" / "last.ckpt", device="cpu")["metrics"]
    expected = record(folder)["metrics"]
    expected.pop("test/accuracy_oracle")  # of the training's epochs
    assert measured == pytest.approx(expected, rel=1e-4)
    other = measuring.evaluate(config, folder / "checkpoints" / "last.ckpt", "val", "cpu")["metrics"]
    assert other.keys() == measured.keys()
    assert other["test/accuracy_source"] != measured["test/accuracy_source"]


def test_a_bare_checkpoint_of_a_class_without_configuration_is_refused() -> None:
    with pytest.raises(ConfigError, match="no choice of conf/model builds"):
        run_configuration(None, {"_target_": "lightning_modules.mine.Mine"}, "digits")


def test_figures_of_a_run_in_progress_are_shown_and_not_recorded(run: Path, capsys) -> None:
    before = record(run)
    with run_folder.locked(run), pytest.raises(SystemExit):
        evaluate.main([str(run), "--device", "cpu"])
    said = capsys.readouterr()
    assert "MSE, latents at their means" in said.out
    assert "another process is running" in said.err
    assert "--output FILE" in said.err
    assert record(run) == before


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["/nowhere"], "there is no checkpoint /nowhere"),
        (["RUN", "--data", "digits_mnist5k"], "VAE needs one data set"),
        (["RUN", "--data", "celebaa"], "did you mean celeba?"),
        (["RUN", "--data", "celeba", "--root", "/nowhere"], "looked in /nowhere, /nowhere/celeba"),
        (["RUN", "data.root"], "data.root: only key=value of data, callbacks or trainer can be set"),
        (["RUN", "trainer.limit_test_batches=0"], "nothing was measured"),
        (["RUN", "--root", "/nowhere"], "--root /nowhere: this data set reads no files"),
        (["RUN", "data.image_size=32"], "this network's images have image_size 64"),
        (["RUN", "data.batch=32"], "data.batch=32: this run has no key data.batch"),
        (["RUN", "model.lambda_kl=1"], "the checkpoint has the model's"),
        (["RUN", "--metrics", "classifier"], "there is no classifier of synthetic_faces"),
        (["RUN", "--batch-size", "0"], "data.batch_size=0: expected int >= 1"),
        (["RUN", "--batch-size", "2000000000"], "data.batch_size=2000000000 with data.image_size=64: this would take"),
        (["BARE"], "add --data NAME"),
    ],
)
def test_what_is_wrong_is_one_sentence(run: Path, tmp_path: Path, arguments: list[str], sentence: str, capsys) -> None:
    bare = shutil.copy(run / "checkpoints" / "last.ckpt", tmp_path / "bare.ckpt")
    names = {"RUN": str(run), "BARE": str(bare)}
    before = record(run)
    with pytest.raises(SystemExit) as left:
        evaluate.main([names.get(a, a) for a in arguments])
    assert left.value.code == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.startswith("error: ")
    assert len(said.splitlines()) == 1
    assert record(run) == before


def test_another_root_reaches_both_sets_of_a_pair_however_it_is_given(compose, tmp_path: Path, monkeypatch) -> None:
    pair = ["model=dann", "data=digit_pair", "data.source=lab_usps", "data.target=lab_mnistm", "data.root=/old"]
    folder = tmp_path / "run"
    write_invocation(folder, compose(*pair, folder=folder), {}, pair)
    monkeypatch.setattr(configuration, "preflight", lambda data, model: None)
    by_option = run_configuration(folder, root="/new place")
    assert run_configuration(folder, overrides=["data.root='/new place'"]) == by_option
    assert run_configuration(folder, overrides=["data.root=/a [b], c"])["data"]["root"] == "/a [b], c"
    sets = by_option["data"]["sets"]
    roots = {by_option["data"]["root"], *(sets[name]["root"] for name in ("usps", "lab_usps", "lab_mnistm"))}
    assert roots == {"/new place"}


def test_a_run_from_another_folder_says_where_its_pictures_are(compose, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "pics").mkdir()
    folder = tmp_path / "run"
    write_invocation(folder, compose("data=folder", "data.root=pics", folder=folder), {}, [])
    with pytest.raises(DataError, match=re.escape(f"where the run was started; add data.root={tmp_path}/pics")):
        run_configuration(folder)


def test_data_with_fewer_training_images_than_a_batch_can_be_measured(run: Path) -> None:
    evaluate.main([str(run), "data.reader.train=8", "data.batch_size=32", "--device", "cpu"])
    (done,) = record(run)["evaluations"]
    assert done["protocol"]["n_train"] == 8
