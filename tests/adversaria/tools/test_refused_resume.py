"""A resume that is refused leaves every byte of the run as it was; one that is not writes its record."""

import copy
import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from adversaria.config.errors import UserError
from adversaria.runs.data_record import DATA
from adversaria.tools import train


@pytest.fixture
def run(tiny_run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_run[0], tmp_path / "run"))


def digest(folder: Path) -> dict[str, str]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): hashlib.md5(file.read_bytes()).hexdigest() for file in files}


def resume(run: Path, changes: dict[str, Any], save: Any = lambda: None) -> None:
    """Go on with a run whose configuration has these changes, by dotted key."""
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    text = yaml.safe_dump(config).replace(config["run_dir"], str(run))
    config = {**yaml.safe_load(text), "ckpt_path": str(run / "checkpoints" / "last.ckpt")}
    for key, value in {"trainer.max_epochs": 3, **changes}.items():
        node = config
        *parents, leaf = key.split(".")
        for parent in parents:
            node = node[parent]
        node[leaf] = value
    train.train(config, run, save)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"data.batch_size": 5000}, "data.batch_size=5000: the train split has only 96 images"),
        ({"data.value_range": [0, 1]}, "value_range"),
        ({"model.network.latent_dim": 8}, "is of another network"),
        ({"trainer.max_epochs": 1}, "has 2 epochs already; it is finished, and trainer.max_epochs=3 or more trains on"),
        ({"trainer.limit_train_batches": 0}, "nothing to train on"),
        ({"callbacks.checkpoint.monitor": None, "test": "best"}, "test=best"),
        ({"data.reader.train": 64}, "train 96 → 64 images"),
    ],
)
def test_a_refused_resume_leaves_every_byte(run: Path, changes: dict[str, Any], sentence: str, caplog) -> None:
    before = digest(run)
    caplog.set_level(logging.INFO)
    with pytest.raises(UserError) as error:
        resume(run, changes, save=lambda: (run / "saved").touch())
    assert sentence in str(error.value)
    assert digest(run) == before
    assert "go on with" not in caplog.text


@pytest.mark.parametrize("damage", ["entry", "weights", "loops", "nan"])
def test_a_damaged_checkpoint_is_refused_before_anything_is_written(run: Path, damage: str) -> None:
    file = run / "checkpoints" / "last.ckpt"
    content = torch.load(file, weights_only=True)
    if damage == "weights":
        content["state_dict"].popitem()
    elif damage == "nan":
        next(iter(content["state_dict"].values())).fill_(float("nan"))
    else:
        del content[{"entry": "adversaria", "loops": "loops"}[damage]]
    torch.save(content, file)
    before = digest(run)
    with pytest.raises(UserError, match=r"last\.ckpt (is of another network|is not a readable checkpoint|are damaged)"):
        resume(run, {})
    assert digest(run) == before


def test_a_resume_saves_its_record_and_its_whole_log(run: Path, caplog) -> None:
    caplog.set_level(logging.INFO)
    before = (run / "train.log").read_text(encoding="utf-8")
    resume(run, {"trainer.max_epochs": 3, "test": None}, save=lambda: (run / "saved").touch())
    assert (run / "saved").exists()
    added = (run / "train.log").read_text(encoding="utf-8").removeprefix(before)
    for part in ("run folder: ", "resuming from: ", "epoch 3/3"):
        assert added.count(part) == 1


def test_a_finished_run_says_so_and_what_to_set(run: Path, caplog) -> None:
    caplog.set_level(logging.INFO)
    resume(run, {"trainer.max_epochs": 2, "test": None})
    assert "the run is finished, with all its 2 epochs; trainer.max_epochs=3 or more trains on" in caplog.text


def test_a_run_goes_on_with_the_data_of_its_record_only(run: Path) -> None:
    recorded = json.loads((run / DATA).read_text(encoding="utf-8"))
    assert {name: entry["splits"]["train"]["n"] for name, entry in recorded.items()} == {"synthetic_faces": 96}
    other = copy.deepcopy(recorded)
    other["synthetic_faces"]["splits"]["val"]["labels"] += 1
    (run / DATA).write_text(json.dumps(other), encoding="utf-8")
    before = digest(run)
    with pytest.raises(UserError, match="other labels of val"):
        resume(run, {})
    assert digest(run) == before
    (run / DATA).unlink()  # as of an older version
    resume(run, {"test": None})
    assert json.loads((run / DATA).read_text(encoding="utf-8")) == recorded
