"""The cost of callbacks and loggers: seconds an epoch of each, all together in % of an epoch, and t-SNE alone.

Lightning's profiler measures them in A1 with every picture drawn in every epoch. The cost of hooks that run in a step
is scaled to the steps of an epoch over 40,000 faces. Hooks that run once a run (t-SNE, the record) do not count.
"""

from __future__ import annotations

import contextlib
import functools
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any
from unittest import mock

from benchmarks.suite import Row, Trial, at_least, at_most
from benchmarks.systems import SYSTEMS

FACES, BATCH, EPOCHS = 40_000, 128, 2
EVERY_EPOCH = [f"callbacks.{name}.every_n_epochs=1" for name in ("samples", "reconstructions", "curves")]
SCALARS = "[LightningModule]VAE.on_train_batch_end"  # sums, averages, and hands to the loggers


def of_an_epoch(trial: Trial) -> float:
    """Return the time of all callbacks and loggers in % of an epoch, and note the time of each."""
    from pytorch_lightning.profilers import SimpleProfiler
    from pytorch_lightning.trainer import setup

    from benchmarks import through_train

    profiler = SimpleProfiler()
    with tempfile.TemporaryDirectory() as folder, _timed_loggers(profiler):
        config = SYSTEMS["A1"].config(
            BATCH,
            *EVERY_EPOCH,
            f"run_dir={folder}",
            f"trainer.limit_train_batches={trial.size(20, 2)}",
            "trainer.limit_val_batches=1",
            f"trainer.max_epochs={EPOCHS}",
            "callbacks.tsne=null",
            "test=null",
            "trainer.profiler=simple",
        )
        with mock.patch.object(setup, "SimpleProfiler", return_value=profiler):  # Lightning builds it by this name
            through_train.train(config)
    costs = per_epoch(profiler.recorded_durations)
    steps = profiler.recorded_durations["run_training_batch"]
    epoch = sum(steps) / len(steps) * (FACES // BATCH)
    trial.notes |= {f"{name}, s an epoch": seconds for name, seconds in sorted(costs.items())}
    trial.notes["an epoch's steps, s"] = epoch
    loggers = sum(seconds for name, seconds in costs.items() if name.startswith("logger"))
    return 100 * (sum(costs.values()) - loggers) / epoch  # the others call the loggers, and include their time


def per_epoch(durations: dict[str, list[float]]) -> dict[str, float]:
    """Return seconds an epoch of each callback, each logger and the module's scalars, of a profile of all hooks."""
    costs: dict[str, float] = defaultdict(float)
    for action, times in durations.items():
        kind, _, rest = action.partition("]")
        owner, _, hook = rest.rpartition(".")
        once = any(word in hook for word in ("setup", "teardown", "fit_", "train_start", "train_end", "sanity"))
        if action == SCALARS:
            costs["scalars summed and logged"] += sum(times) / len(times) * (FACES // BATCH)
        elif kind == "[Logger":  # called as often in a step as here
            costs[f"logger {owner}, within these"] += sum(times) / EPOCHS * (FACES // BATCH) / _steps(durations)
        elif kind == "[Callback" and not once:
            scale = (FACES // BATCH) * sum(times) / len(times) if "train_batch" in hook else sum(times) / EPOCHS
            costs[f"callback {owner.partition('{')[0]}"] += scale
    return dict(costs)


def _steps(durations: dict[str, list[float]]) -> float:
    return len(durations["run_training_batch"]) / EPOCHS


@contextlib.contextmanager
def _timed_loggers(profiler: Any) -> Iterator[None]:
    """Let the profiler, which measures only hooks, measure the loggers' calls too."""
    from pytorch_lightning.loggers import TensorBoardLogger

    from adversaria.runs.csv_logger import CSVLogger

    def timed(kind: Any) -> Any:
        original = kind.log_metrics

        def log_metrics(*arguments: Any, **options: Any) -> None:
            with profiler.profile(f"[Logger]{kind.__name__}.log_metrics"):
                original(*arguments, **options)

        return mock.patch.object(kind, "log_metrics", log_metrics)

    with timed(CSVLogger), timed(TensorBoardLogger):
        yield


@functools.cache
def _features(count: int) -> Any:
    """Return (count, 1024) features: real digits under a random linear map, which nearly preserves distances."""
    import numpy as np

    from datamodules.readers.mnist import EmbeddedMNIST

    images = EmbeddedMNIST().load_all().images
    assert isinstance(images, np.ndarray)
    pixels = images[:count].reshape(count, -1).astype(np.float32) / 255
    rotation = np.random.default_rng(0).normal(0, 1 / 32, (pixels.shape[1], 1024)).astype(np.float32)
    return pixels @ rotation


def tsne_seconds(trial: Trial) -> float:
    """Return the seconds of our t-SNE."""
    from adversaria.measures.embedding import embed, reduce

    features = _features(trial.size(2000, 200))
    if trial.round == 0:
        embed(reduce(features[:100], 0), 0)  # imports
    start = time.perf_counter()
    embed(reduce(features, trial.round), trial.round)
    return time.perf_counter() - start


def tsne_trustworthiness(trial: Trial) -> float:
    """Return the trustworthiness of our t-SNE over that of scikit-learn's defaults on the raw features."""
    from sklearn.manifold import TSNE, trustworthiness

    from adversaria.measures.embedding import embed, reduce

    features, seed = _features(trial.size(2000, 200)), trial.round
    return trial.ratio(
        lambda: float(trustworthiness(features, embed(reduce(features, seed), seed))),
        lambda: float(trustworthiness(features, TSNE(random_state=seed).fit_transform(features))),
        ("ours", "scikit-learn's"),
        "trustworthiness",
    )


ROWS = [
    Row("callbacks and loggers of A1 in % of an epoch", of_an_epoch, at_most(3)),
    Row("t-SNE of 2,000 images of 1,024 features, s", tsne_seconds, at_most(2.5)),
    Row("its trustworthiness / scikit-learn's on the raw features", tsne_trustworthiness, at_least(0.995)),
]
