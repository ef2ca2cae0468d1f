"""What methods and callbacks say that they log, `logs`, is what a run logs."""

from __future__ import annotations

import csv
import json
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from adversaria.config.errors import options
from adversaria.runs.objective import logged
from adversaria.tools import train

SMALL = [
    *(
        "trainer.accelerator=cpu",
        "trainer.max_epochs=1",
        "trainer.limit_train_batches=3",
        "trainer.limit_val_batches=1",
    ),
    *("trainer.limit_test_batches=1", "trainer.enable_progress_bar=false", "trainer.log_every_n_steps=1"),
    *("data.batch_size=16", "trainer.num_sanity_val_steps=2"),
]
GENERATOR = ["data=digits", "model.network.width=4", "callbacks.samples=null", "callbacks.interpolation=null"]
PAIR = ["data=digits_mnist5k", "model.network.width=4", "callbacks.tsne=null", "callbacks.target_report.count=20"]
OF_MODEL = {
    "vae": ["callbacks.tsne=null", "model.network.width=4", "data.reader.train=40"],
    "classifier": ["data.reader.train=40", "labels=[Smiling,Male]", "model.network.width=4"],
    "acgan": [*GENERATOR, "callbacks.conditional_grid=null"],
    "cvae": ["data=digits", "model.network.width=4", "callbacks.conditional_grid=null"],
    "adda": [*PAIR, "model.pretrain_epochs=1", "trainer.max_epochs=2"],
    **dict.fromkeys(("gan", "wgan"), GENERATOR),
}


@pytest.mark.faults  # trains each method
@pytest.mark.parametrize("model", options("model"))
def test_it_logs_what_it_says_and_nothing_before_the_training(
    model: str, compose, cache_dir: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache" if model == "classifier" else cache_dir  # no other test shall find this classifier
    config = compose(f"model={model}", *SMALL, *OF_MODEL.get(model, PAIR), f"data.cache_dir={cache}", folder=tmp_path)
    train.train(config, tmp_path)
    with (tmp_path / "metrics.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row for row in rows if row["iteration"] == "0"] == []  # no trace of the validation that is only tried out
    measured = json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8"))["metrics"]
    names, said = {*measured, *(row["metric"] for row in rows)}, list(logged(config))
    assert [name for name in names if not any(fnmatchcase(name, pattern) for pattern in said)] == []
    optional = {"train/loss_confusion", "train/r1", "train/r2", "train/gradient_penalty", "train/gate"}
    optional |= {"val/lambda_kl", "test/lambda_kl"}  # all are of other settings
    certain = [pattern for pattern in said if "*" not in pattern and pattern not in optional]
    assert [pattern for pattern in certain if pattern not in names and not pattern.startswith("health/")] == []
