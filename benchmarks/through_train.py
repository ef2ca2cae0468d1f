"""The speed of train.py in this process, as it measures it itself."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUIET = [
    "callbacks.progress_bar=null",
    "callbacks.checkpoint=null",
    "trainer.enable_progress_bar=false",
    "trainer.limit_val_batches=0",
    "trainer.max_epochs=1",
    "test=null",
]


def images_per_second(overrides: list[str], steps: int) -> float:
    """Train a configuration for so many iterations, without validation and test; return images a second."""
    from hydra import compose, initialize_config_dir

    from adversaria import run_folder
    from adversaria.curves import read_metrics
    from train import train

    run_folder.register_resolvers()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        fixed = [f"run_dir={folder}", "name=benchmark", f"trainer.limit_train_batches={steps}", *QUIET]
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            config = run_folder.plain(compose("train", overrides=[*overrides, *fixed]))
        train(config, Path(folder))
        return read_metrics(Path(folder) / "metrics.csv")["perf/images_per_second"][1][-1]
