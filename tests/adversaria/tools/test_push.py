"""A model that is pushed to the hub is loaded from there; a folder stands for the hub."""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import adversaria
import generate
import lightning_modules
from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.runs import hub, initial_weights
from adversaria.tools import push
from datamodules import licences


class RepositoryNotFoundError(OSError):
    """As the hub's client calls it."""


class Hub:
    """What of the hub's client is used, over folders."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        (self.root / repo_id).mkdir(parents=True, exist_ok=exist_ok)

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
        shutil.copytree(folder_path, self.root / repo_id, dirs_exist_ok=True)

    def snapshot_download(self, repo_id: str, *, revision: str | None, allow_patterns: list[str]) -> str:
        if not (self.root / repo_id).is_dir() or revision not in (None, "main"):
            raise RepositoryNotFoundError("404")
        fetched = self.root / "cache" / repo_id
        fetched.mkdir(parents=True, exist_ok=True)
        for file in (self.root / repo_id).iterdir():
            if file.name in allow_patterns:
                shutil.copy(file, fetched)
        return str(fetched)


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for the hub."""
    monkeypatch.setattr(hub, "client", lambda: Hub(tmp_path / "hub"))
    return tmp_path / "hub"


def test_the_client_of_the_hub_has_these_methods() -> None:
    api = pytest.importorskip("huggingface_hub").HfApi
    for name in ("create_repo", "upload_folder", "snapshot_download"):
        assert set(inspect.signature(getattr(Hub, name)).parameters) <= set(
            inspect.signature(getattr(api, name)).parameters
        )


def test_what_is_pushed_is_loaded_again(tiny_run, there: Path, tmp_path: Path, capsys) -> None:
    push.main([str(tiny_run[0]), "me/faces"])
    assert capsys.readouterr().out == "pushed to https://huggingface.co/me/faces\n"
    files = {file.name for file in (there / "me" / "faces").iterdir()}
    assert files == {"model.safetensors", "config.json", "README.md", "samples.png"}
    one, other = lightning_modules.load(tiny_run[0]), lightning_modules.load("hf://me/faces")
    assert one.config == other.config == json.loads((there / "me/faces/config.json").read_text(encoding="utf-8"))
    states = one.state_dict(), other.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    found = initial_weights.file_of({"init_from": "hf://me/faces@main"})
    assert found == there / "cache" / "me" / "faces" / "model.safetensors"
    generate.main(["hf://me/faces", "-n", "1", "--device", "cpu", "--output", str(tmp_path / "one.png")])
    assert (tmp_path / "one.png").exists()


def test_the_page_says_how_it_is_used_and_made(tiny_run, there: Path, tmp_path: Path, capsys) -> None:
    run = Path(shutil.copytree(tiny_run[0], tmp_path / "run"))
    start = {"time": "2026", "choices": {"data": "a_b"}, "overrides": ["model=vae", "data.root=/home/me", "seed=1"]}
    (run / "invocation.json").write_text(json.dumps([start]), encoding="utf-8")
    push.main([str(run), "me/faces", "--output", str(tmp_path / "model")])
    assert capsys.readouterr().out == f"written to {tmp_path / 'model'}\n"
    assert not there.exists()
    page = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    _, keys, text = page.split("---\n", 2)
    assert yaml.safe_load(keys)["license"] == "mit"
    assert 'adversaria.load("hf://me/faces")' in text
    assert "python train.py model=vae data.root=PATH seed=1" in text
    assert str(tmp_path) not in page
    assert "under the MIT licence" in text
    assert "| peak signal-to-noise ratio ↑ |" in text


@pytest.mark.parametrize(
    ("otherwise", "shown"),
    [({}, True), ({"split": "val"}, False), ({"weights": "best"}, False), ({"data": "b"}, False)],
)
def test_the_page_has_what_was_measured_later_of_the_same(
    otherwise: dict[str, str], shown: bool, tiny_run, there: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(tiny_run[0], tmp_path / "run"))
    record = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    later = {"time": "2026", "metrics": {**record["metrics"], "test/fid_x": 34.2}, "seconds": 1}
    later["protocol"] = {**record["protocol"], "split": "test", **otherwise}
    (run / "metrics.json").write_text(json.dumps({**record, "evaluations": [later]}), encoding="utf-8")
    push.main([str(run), "me/faces", "--output", str(tmp_path / "model")])
    page = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert ("| Fréchet distance ↓ | 34.2 |" in page) == shown
    assert "| peak signal-to-noise ratio ↑ |" in page


def test_the_terms_of_every_reader_that_is_named_are_those_of_a_reader(compose) -> None:
    source = "".join(file.read_text(encoding="utf-8") for file in Path(licences.__file__).parent.glob("readers/*.py"))
    assert [
        name for name in licences.LICENCES if f"class {name}(" not in source and f"class {name}:" not in source
    ] == []
    celeba = licences.licence_of(compose("data=celeba")["data"])
    assert celeba is not None
    assert "non-commercial research only" in celeba.sentence
    pair = licences.licence_of(compose("model=dann", "data=digits_mnist5k")["data"])
    assert pair is not None
    assert pair.identifier == "other"
    assert "UCI" in pair.sentence
    assert "of MNIST" in pair.sentence
    assert licences.licence_of(compose("data=folder", "data.root=pics")["data"]) is None


def test_data_of_unknown_terms_asks_for_the_licence(tiny_run, there: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tiny_run[0], tmp_path / "run"))
    config = (run / "config.yaml").read_text(encoding="utf-8")
    (run / "config.yaml").write_text(
        config.replace("datamodules.readers.synthetic_faces.SyntheticFaces", "datamodules.readers.own.Own"),
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="for images that are your own"):
        push.push(run, "me/faces")
    assert not there.exists()
    adversaria.push(run, "me/faces", license="cc0-1.0")
    assert "license: cc0-1.0" in (there / "me" / "faces" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("hf://me/nothing", "hf://me/nothing: there is no such model on the hub, or it is private"),
        ("hf://me/faces@v2", "there is no such model"),
        ("hf://", "the name of a model on the hub is owner/name"),
        ("hf://me", "me: the name of a model on the hub is owner/name"),
        ("hf://me/../x", "is owner/name"),
        ("hf://me/empty", "hf://me/empty has no model.safetensors"),
    ],
)
def test_an_address_without_a_model_is_one_sentence(address: str, sentence: str, there: Path) -> None:
    (there / "me" / "empty").mkdir(parents=True)
    with pytest.raises((CheckpointError, ConfigError)) as error:
        lightning_modules.load(address)
    assert sentence in str(error.value)


def test_without_network_or_package_it_is_one_sentence(tiny_run, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ConfigError, match=r"pip install -e '.\[hub\]'"):
        push.push(tiny_run[0], "me/faces")

    class Unreachable(Hub):
        def _fails(self, *arguments: Any, **options: Any) -> str:
            raise ConnectionError("[Errno -2] Name or service not known\nmore")

        create_repo = snapshot_download = _fails

    monkeypatch.setattr(hub, "client", lambda: Unreachable(Path()))
    for use in (lambda: lightning_modules.load("hf://me/faces"), lambda: push.push(tiny_run[0], "me/faces")):
        with pytest.raises(CheckpointError) as error:
            use()
        assert "me/faces: the hub cannot be reached ([Errno -2] Name or service not known)" in str(error.value)
