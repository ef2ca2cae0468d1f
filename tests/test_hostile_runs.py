"""Run folders from elsewhere, damaged or hostile: reports show them as damaged, tools say one sentence."""

import contextlib
import copy
import json
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image
from support.hostile import PLAIN, Watch, change

from adversaria.config.errors import UserError, one_sentence_errors
from adversaria.report import pages
from adversaria.report.adaptation_cells import read_cells
from adversaria.runs.record import append_evaluation
from adversaria.sweeps import summary as summaries
from adversaria.tools.configuration import run_configuration
from adversaria.tools.export import main as export

watch = Watch()
TEXT = "<script>alert(1)</script>`|\n](javascript:x)"
CURVES = "callbacks.figures.learning_curves.LearningCurves"
CONTENT: dict[str, Any] = {
    "config.yaml": {
        "name": "name",
        "seed": 0,
        "test": "last",
        "run_dir": "unused",
        "data": {
            "_target_": "datamodules.images.ImagesDataModule",
            "reader": {"_target_": "datamodules.readers.synthetic_faces.SyntheticFaces", "_partial_": True},
            "image_size": 64,
            "batch_size": 8,
            "horizontal_flip": True,
        },
        "model": {
            "_target_": "lightning_modules.vae.VAE",
            "network": {"_target_": "lightning_modules.networks.vae.WideVAE", "width": 2, "latent_dim": 4},
            "optimizer": {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.001},
        },
        "trainer": {"_target_": "pytorch_lightning.Trainer", "max_epochs": 2},
        "callbacks": {"curves": {"_target_": CURVES, "panels": {"losses": ["train/loss"]}, "smoothing": 0.9}},
    },
    "invocation.json": [{"time": "2026-01-01", "choices": {"model": "dann", "data": "digits"}, "overrides": ["a=b"]}],
    "environment.json": [{"device": "cpu", "git_commit": "a" * 40, "git_dirty": True, "torch": "2"}],
    "metrics.json": {
        "metrics": {"test/accuracy": 0.5, "test/loss": 1.0},
        "protocol": {"iteration": 3, "weights": "last", "source": "usps", "target": "mnistm", "n_test_target": 3},
        "seconds": 5,
        "evaluations": [
            {"time": "later", "metrics": {"test/loss": 2.0}, "protocol": {"iteration": 3, "split": "val"}, "seconds": 1}
        ],
    },
    "architecture.json": {
        "networks": {"network": {"parameters": 5, "parts": {"encoder": 5}, "printed": "Net()"}},
        "details": {"rate": 0.1, "image_size": 16, "value_range": [-1, 1], "labelled": "source"},
    },
}


def write(folder: Path, content: dict[str, Any]) -> Path:
    """Write a run folder."""
    (folder / "figures").mkdir(parents=True)
    for name, values in content.items():
        text = yaml.safe_dump(values) if name == "config.yaml" else json.dumps(values)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "metrics.csv").write_text(
        "iteration,metric,value\n1,train/loss,3\n2,train/loss,2\n2,perf/images_per_second,9\n", encoding="utf-8"
    )
    Image.new("RGB", (8, 8)).save(folder / "figures" / "samples_0000002.png")
    return folder


def replaced(name: str, how: Callable[[Path], Any]) -> Callable[[Path], None]:
    """Return what puts something else in the place of a file."""

    def damage(folder: Path) -> None:
        file = folder / name
        file.unlink(missing_ok=True)
        how(file)

    return damage


def huge(file: Path) -> None:
    with file.open("wb") as stream:
        stream.truncate(2**40)


DAMAGE: list[Callable[[Path], None]] = [
    replaced(name, how)
    for name in [*CONTENT, "metrics.csv", "figures/samples_0000002.png"]
    for how in (
        os.mkfifo,
        Path.mkdir,
        huge,
        lambda file: file.symlink_to("/dev/zero"),
        lambda file: file.symlink_to(file.name),
        lambda file: file.symlink_to("/etc/passwd"),
        lambda file: file.write_bytes(b"\xff\xfe\x00" * 50),
        lambda file: file.write_text("[" * 100_000, encoding="utf-8"),
        lambda file: file.write_text("a: &a [x]\nb: &b [*a, *a]\nname: [*b, *b]\n", encoding="utf-8"),
        lambda file: file.write_text(f'[{"9" * 5000}, 1e999, "\\ud800"]', encoding="utf-8"),
        lambda file: file.write_text("iteration,metric,value\n" + "1,a,1e999\n2,b,nan\n-9,,1\n", encoding="utf-8"),
    )
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good run and 130 others."""
    root, chosen = tmp_path_factory.mktemp("outputs"), random.Random(0)
    good = copy.deepcopy(CONTENT)
    good["config.yaml"]["name"] = "the good one"
    write(root / "good", good)
    for number, damage in enumerate(DAMAGE):
        damage(write(root / f"damaged_{number}", CONTENT))
    for number in range(130 - len(DAMAGE)):
        content = copy.deepcopy(CONTENT)
        for _ in range(chosen.randrange(1, 3)):
            change(content[chosen.choice(list(content))], chosen, PLAIN)
        for name, values in content.items():
            content[name] = json.loads(json.dumps(values, default=str))
        write(root / TEXT.replace("/", "") / f"changed_{number}", content)
    return root


def test_an_index_shows_every_run(hostile: Path, tmp_path: Path) -> None:
    start = time.monotonic()
    with watch.only_in(tmp_path):
        (index,) = pages.write([hostile], tmp_path / "index.html")
    assert time.monotonic() - start < 40
    html = index.read_text(encoding="utf-8")
    assert html.count("<tr data-model") == 131
    assert "the good one" in html
    assert html.count('class="status damaged"') > 30
    assert "config.yaml is damaged: the configuration is not known; it is not a regular file." in html
    assert "<script>alert" not in html


def test_a_comparison_of_all_is_written(hostile: Path, tmp_path: Path) -> None:
    folders = sorted(file.parent for file in hostile.rglob("config.yaml"))
    with watch.only_in(tmp_path):
        written = pages.write(folders, tmp_path / "report.html")
    for file in written:
        text = file.read_text(encoding="utf-8")
        assert "the good one" in text
        assert "<script>alert" not in text
        assert "root:x:0" not in text


def test_what_no_check_knows_takes_down_its_run_alone(hostile: Path, tmp_path: Path, monkeypatch) -> None:
    from adversaria.report.run import Run

    def epochs(run: Run) -> str:
        if run.config and run.folder.name != "good":
            raise RuntimeError
        return "2"

    monkeypatch.setattr(Run, "epochs", property(epochs))
    (index,) = pages.write([hostile], tmp_path / "index.html")
    html = index.read_text(encoding="utf-8")
    assert html.count("<tr data-model") == 131
    assert "the good one" in html
    assert html.count("This run cannot be shown: it is not what train.py writes.") > 90


def test_reports_into_the_folders_change_nothing_else(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="utf-8")
    run = write(tmp_path / "runs" / "linked", CONTENT)
    (run / "report.html").symlink_to(victim)
    blocked = write(tmp_path / "runs" / "blocked", CONTENT)
    (blocked / "report.html").mkdir()
    (blocked / "report.html" / "full").touch()
    *_, index = pages.write([tmp_path / "runs"], each=True)
    assert victim.read_text(encoding="utf-8") == "mine"
    assert index.read_text(encoding="utf-8").count("<tr data-model") == 2
    assert not (run / "report.html").is_symlink()


def test_tools_say_one_sentence(hostile: Path, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    refused = 0
    for folder in sorted(file.parent for file in hostile.rglob("config.yaml")):
        with watch.only_in(tmp_path), contextlib.suppress(SystemExit), one_sentence_errors():
            assert run_configuration(folder)["data"]["batch_size"]
        said = capsys.readouterr().err
        assert said.count("\n") <= 1
        refused += said.startswith("error: ")
    assert refused > 20


@pytest.mark.parametrize(
    "node",
    [
        {"_target_": "adversaria.runs.whole_files.replace_text", "file": "victim", "text": "theirs"},
        {"_target_": "pytorch_lightning.loggers.CSVLogger", "save_dir": "victim"},
        {"_target_": "torchmetrics.MetricCollection", "metrics": []},
        {"_target_": "lightning_modules.vae.VAE"},
    ],
)
def test_a_run_names_no_function_and_nothing_of_another_place(node: dict[str, Any], tmp_path: Path) -> None:
    for number, place in enumerate(("data", "callbacks", "trainer")):
        content = copy.deepcopy(CONTENT)
        content["config.yaml"][place] = {**content["config.yaml"][place], "reader" if place == "data" else "x": node}
        if place == "callbacks":
            content["config.yaml"][place] = {"x": node}
        folder = write(tmp_path / str(number), content)
        with pytest.raises(UserError, match=r"is not allowed|there is no"):
            run_configuration(folder)


@pytest.mark.parametrize("cache", [5, [], "x\0y", "/proc/self", "nowhere"])
def test_a_run_chooses_no_new_folder_for_its_cache(cache: Any, tmp_path: Path, capsys) -> None:
    content = copy.deepcopy(CONTENT)
    content["config.yaml"]["data"]["cache_dir"] = cache
    folder = write(tmp_path / "run", content)
    assert run_configuration(folder, overrides=["data.cache_dir=mine"])["data"]["cache_dir"] == "mine"
    assert capsys.readouterr().err == ""
    with contextlib.suppress(UserError):
        assert run_configuration(folder)["data"]["cache_dir"] == ".cache"
        assert capsys.readouterr().err.startswith(f"there is no cache of images in {cache}; using .cache")


def test_a_run_has_no_interpolation(tmp_path: Path) -> None:
    content = copy.deepcopy(CONTENT)
    content["config.yaml"]["name"] = "${oc.env:HOME}"
    with pytest.raises(UserError, match="has an interpolation"):
        run_configuration(write(tmp_path / "run", content))


def test_evaluations_are_reported_also_of_a_run_without_a_test(tmp_path: Path) -> None:
    content = copy.deepcopy(CONTENT)
    content["config.yaml"]["test"] = None
    content["metrics.json"] = {"evaluations": content["metrics.json"]["evaluations"]}
    html, markdown = pages.write([write(tmp_path / "run", content)])
    for file in (html, markdown):
        text = file.read_text(encoding="utf-8")
        assert "Evaluated later" in text
        assert "is damaged" not in text


def test_a_table_of_adaptation_leaves_damaged_runs_out(tmp_path: Path) -> None:
    for number, metrics in enumerate(
        ["{", "[]", '{"metrics": {"test/accuracy": "x"}}', json.dumps(CONTENT["metrics.json"])]
    ):
        folder = tmp_path / "dann" / "usps_mnistm" / f"seed_{number}"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(metrics, encoding="utf-8")
    (cell,) = read_cells(tmp_path).values()
    assert cell.accuracy == [0.5]


def test_an_export_asks_for_a_size_that_the_run_does_not_have(tmp_path: Path, capsys) -> None:
    content = copy.deepcopy(CONTENT)
    content["config.yaml"]["data"]["image_size"] = "x"
    folder = write(tmp_path / "run", content)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "last.ckpt").write_bytes(b"x")
    with pytest.raises(SystemExit) as left:
        export([str(folder)])
    assert left.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_summary_of_a_sweep_shows_damaged_jobs(hostile: Path, tmp_path: Path) -> None:
    with watch.only_in(tmp_path):
        summary = summaries.read(hostile)
        text = summaries.markdown(summary)
    assert len(summary.jobs) > 100
    assert sum("its folder is damaged" in (job.error or "") for job in summary.jobs) > 20
    assert "<script>" not in text


@pytest.mark.parametrize("content", ["[]", "3", "[" * 100_000, "\x00"])
def test_an_evaluation_is_not_appended_to_what_is_no_record(content: str, tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="is damaged"):
        append_evaluation(file, {"metrics": {}})
    assert file.read_text(encoding="utf-8") == content
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(UserError, match="is not a regular file"):
        append_evaluation(file, {"metrics": {}})
