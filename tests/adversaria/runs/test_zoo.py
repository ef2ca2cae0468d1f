"""The trained models that come with the project, and adding one."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import adversaria
import evaluate
import generate
import lightning_modules
from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.images import directions
from adversaria.runs import hub, initial_weights, zoo
from adversaria.tools import push
from adversaria.tools.configuration import run_configuration
from adversaria.tools.explorer import TEST_IMAGES, prepare
from lightning_modules import safe_weights
from lightning_modules.protocols import Autoencoder

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A zoo of its own for a test."""
    monkeypatch.setattr(zoo, "FOLDER", tmp_path / "zoo")
    return tmp_path / "zoo"


@pytest.fixture
def run(tiny_run, tmp_path: Path) -> Path:
    """A run of a clean checkout."""
    run = Path(shutil.copytree(tiny_run[0], tmp_path / "run"))
    starts = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    clean = [{**start, "git_commit": "c0ffee", "git_dirty": False} for start in starts]
    (run / "environment.json").write_text(json.dumps(clean), encoding="utf-8")
    start = {"time": "2026", "choices": {"data": "synthetic_faces"}, "overrides": ["seed=0"]}
    (run / "invocation.json").write_text(json.dumps([start]), encoding="utf-8")
    return run


def test_a_model_that_was_added_is_used_by_its_name(run: Path, folder: Path, tmp_path: Path, capsys) -> None:
    push.main([str(run), "zoo:faces"])
    assert capsys.readouterr().out == f"written to {folder / 'faces'}\n"
    assert zoo.names() == ["faces"]
    own, kept = adversaria.load(run).state_dict(), adversaria.load("zoo:faces").state_dict()
    assert all(torch.equal(kept[name], weight.half().to(weight.dtype)) for name, weight in own.items())
    assert any(not torch.equal(kept[name], weight) for name, weight in own.items())  # half the bytes, and rounded
    generate.main(["zoo:faces", "-n", "1", "--device", "cpu", "--output", str(tmp_path / "one.png")])
    assert (tmp_path / "one.png").is_file()
    assert initial_weights.file_of({"init_from": "zoo:faces"}) == folder / "faces" / hub.PUSHED
    evaluate.main(["zoo:faces", "--device", "cpu", *("data.reader.train=8", "data.reader.val=8", "data.reader.test=8")])
    said = capsys.readouterr().out
    assert "results of zoo:faces, test split" in said
    assert "signal-to-noise" in said  # of the data that its record names


def test_a_vae_comes_with_its_directions_and_needs_no_data(run: Path, folder: Path, tmp_path: Path, capsys) -> None:
    push.add_to_zoo(run, "faces")
    module, weights = lightning_modules.load(Path("zoo:faces")), folder / "faces" / hub.PUSHED
    explorer, note = prepare(module, None, None, directions.beside(weights, module))
    of_the_run = prepare(lightning_modules.load(run), run, None)[0]
    assert note == ""
    assert list(explorer.sliders["Attributes"]) == list(of_the_run.sliders["Attributes"])
    assert list(explorer.sliders["Latent dimensions"]) == list(of_the_run.sliders["Latent dimensions"])
    assert TEST_IMAGES not in explorer.sliders[""]
    file = tmp_path / "images.npz"
    chosen = ["zoo:faces", "--device", "cpu", "-n", "6", "--steps", "3", "--reach", "2", "--output", str(file)]
    generate.main([*chosen, "--edit", "Smiling"])
    walks = np.load(file)["noise"].reshape(2, 3, 16)
    direction = directions.find(module, instantiate(run_configuration(run)["data"])).attributes["Smiling"].numpy()
    assert np.allclose(walks[:, 2] - walks[:, 0], 4 * direction, rtol=1e-3, atol=1e-4)
    assert np.allclose(walks[:, 1], module.noise(2, 0).numpy(), atol=1e-6)
    assert "samples, as the test images do not come with the model" in capsys.readouterr().out
    generate.main([*chosen, "--traverse", "--overwrite"])
    first, second = list(explorer.sliders["Latent dimensions"])[:2]
    assert f"rows: dimensions {first.split()[1]} {second.split()[1]}\n" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        generate.main([*chosen, "--edit", "Smilng", "--overwrite"])
    assert "Bangs, Black_Hair" in (said := capsys.readouterr().err)
    assert "did you mean Smiling?" in said


def test_what_has_no_latent_of_images_has_no_directions(untrained, tmp_path: Path) -> None:
    gan = lightning_modules.load(untrained("model=gan", "data=digits", "model.network.width=4"))
    safe_weights.save(gan, tmp_path / hub.PUSHED)
    push._keep_directions(tmp_path, tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == [hub.PUSHED]


def test_what_is_beside_the_weights_says_how_they_came_about(run: Path, folder: Path) -> None:
    push.add_to_zoo(run, "faces")
    record = json.loads((folder / "faces" / zoo.RECORD).read_text(encoding="utf-8"))
    assert record["data"] == "synthetic_faces"
    assert record["commit"] == "c0ffee"
    assert "test/psnr" in record["metrics"]
    page = (folder / "faces" / "README.md").read_text(encoding="utf-8")
    assert 'adversaria.load("zoo:faces")' in page
    assert "under the MIT licence" in page
    push.add_to_zoo(run, "faces", "best")  # replaces it
    assert zoo.names() == ["faces"]


def test_one_that_is_too_large_or_has_no_name_is_refused(run: Path, folder: Path, monkeypatch) -> None:
    with pytest.raises(ConfigError, match="small letters"):
        push.add_to_zoo(run, "../faces")
    monkeypatch.setattr(zoo, "LARGEST", 100)
    with pytest.raises(ConfigError, match="100 may come with the project"):
        push.add_to_zoo(run, "faces")
    assert zoo.names() == []


def test_a_wrong_name_is_answered_with_the_right_one(run: Path, folder: Path) -> None:
    push.add_to_zoo(run, "faces")
    with pytest.raises(CheckpointError, match=r"zoo:face: no such model .* did you mean faces"):
        zoo.local(Path("zoo:face"))
    assert zoo.data_of(run) is None
    assert zoo.local(run) == run


@pytest.mark.parametrize("name", zoo.names())
def test_each_model_in_the_box_is_small_and_whole(name: str) -> None:
    model, file = adversaria.load(f"zoo:{name}"), zoo.FOLDER / name / hub.PUSHED
    assert file.stat().st_size <= zoo.LARGEST
    record = json.loads((zoo.FOLDER / name / zoo.RECORD).read_text(encoding="utf-8"))
    assert record["protocol"]["iteration"] == model.iteration
    assert (zoo.FOLDER / name / "README.md").is_file()
    assert zoo.has_directions(file) == isinstance(model, Autoencoder)
    if zoo.has_directions(file):
        assert directions.beside(file, model)


def test_the_box_is_small() -> None:
    assert sum(file.stat().st_size for file in zoo.FOLDER.rglob("*")) <= 15 * 2**20


def test_asking_for_the_names_needs_no_torch() -> None:
    code = "import sys; from adversaria.runs import zoo; zoo.names(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
