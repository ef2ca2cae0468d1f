"""How speed depends on the number of images, the batch size, the resolution and the number of processes.

The loader has no workers to scale: batches are gathered in the training process.
"""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.data_path import images_per_second, loader_over, random_split, scratch
from benchmarks.suite import ROOT, Row, Skipped, Trial, at_least, at_most
from benchmarks.systems import SYSTEMS, System
from benchmarks.training_step import SECONDS, against_bare, steps_in

#: Our default, whose networks fit any resolution.
GAN = System("our GAN", ("model=gan", "data=synthetic_faces", "data.reader.train=600", "data.reader.val=64"), 600)


def images(trial: Trial) -> float:
    """Return the loader's images a second over 200,000 images over those over 1,000."""
    folder = scratch()
    few, many = (loader_over(random_split(folder, count)) for count in (1000, trial.size(200_000, 2000)))
    seen = trial.size(100_000, 1000)

    def rate(loader: object, count: int) -> float:
        return images_per_second(loader, max(1, seen // count))  # type: ignore[arg-type]

    names = (f"{len(many.images):,}", f"{len(few.images):,}")
    return trial.ratio(lambda: rate(many, len(many.images)), lambda: rate(few, 1000), names, "images/s")


def opening(trial: Trial) -> float:
    """Return the seconds of opening a cache of 200,000 images: its checksums are computed at each start."""
    import numpy as np

    from datamodules.array_cache import INDEX, checksum, load_cache

    count = trial.size(200_000, 2000)
    folder = scratch() / "cache"
    if not folder.exists():
        folder.mkdir()
        np.save(folder / "train.labels.npy", random_split(folder, count).labels)
        (folder / f"{count}.npy").rename(folder / "train.images.npy")
        files = {file.name: (file.stat().st_size, checksum(file)) for file in folder.glob("*.npy")}
        index = {"files": files, "splits": ["train"], "attributes": ["Smiling"], "skipped": 0}
        (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")
    start = time.perf_counter()
    cache = load_cache(folder)
    assert cache is not None
    assert len(cache.splits["train"]) == count
    return (time.perf_counter() - start) * 200_000 / count


def resolution(trial: Trial) -> float:
    """Return our default GAN's images a second at 64×64 over those at 128×128; there are four times the pixels."""
    from benchmarks import through_train

    steps = trial.size(24, 2)

    def rate(size: int) -> float:
        return through_train.images_per_second(GAN, trial.size(16, 4), steps, f"data.image_size={size}")

    return trial.ratio(lambda: rate(64), lambda: rate(128), ("64x64", "128x128"), "images/s")


def processes(trial: Trial) -> float:
    """Return C2's images a second of two processes on two cores over those of one, at the same number in a step."""
    if (os.cpu_count() or 1) < 2:
        raise Skipped("two processes need two cores here")
    batch = trial.size(64, 4)
    steps = trial.size(0, 3) or steps_in("C2", batch, SECONDS)

    from benchmarks import through_train

    def rate(count: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, "train.py", *SYSTEMS["C2"].overrides, f"data.batch_size={batch // count}"]
            command += [f"trainer.limit_train_batches={steps}", "trainer.limit_val_batches=0", "trainer.max_epochs=1"]
            command += ["test=null", "trainer.accelerator=cpu", f"output_root={folder}"]
            command += [f"callbacks.{name}=null" for name in ("samples", "curves", "health", "interpolation")]
            command += ["trainer=ddp", "trainer.devices=2"] if count == 2 else []
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
            return through_train.logged_speed(next(Path(folder).rglob("metrics.csv")))

    return trial.ratio(lambda: rate(2), lambda: rate(1), ("two processes", "one process"), "images/s")


def jobs(trial: Trial) -> float:
    """Return our DANN's images a second of two runs at once over those of one, each with one thread."""
    one, two = (functools.partial(_on_cpu, count, trial, OMP_NUM_THREADS="1") for count in (1, 2))
    return trial.ratio(two, one, ("two runs", "one run"), "images/s")


def waiting(count: int, trial: Trial) -> float:
    """Return the images a second of runs at once whose threads sleep while they wait over those that OpenMP lets spin.

    Each run has a thread for each core, as is the default.
    """
    spinning = functools.partial(_on_cpu, count, trial, OMP_NUM_THREADS=str(os.cpu_count()))
    asleep = functools.partial(spinning, OMP_WAIT_POLICY="passive")
    return trial.ratio(asleep, spinning, ("asleep", "spinning"), "images/s")


def _on_cpu(count: int, trial: Trial, **variables: str) -> float:
    if (os.cpu_count() or 1) < 2:
        raise Skipped("this needs two cores")
    return runs_at_once(count, 2, trial.size(57, 3), "trainer.accelerator=cpu", **variables)  # 57 are an epoch


def runs_at_once(count: int, epochs: int, steps: int, *overrides: str, **variables: str) -> float:
    """Return the images a second of runs of our DANN at once, all together: of each the median epoch after the first.

    Args:
        count: number of runs.
        epochs: of each, at least two.
        steps: of an epoch.
        overrides: of their configuration.
        variables: of their environment.

    Raises:
        RuntimeError: a run failed.
    """
    from adversaria.runs.curves import read_metrics

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "train.py", *SYSTEMS["DANN"].overrides, "test=null", f"trainer.max_epochs={epochs}"]
        command += [f"trainer.limit_train_batches={steps}", "trainer.limit_val_batches=0", *overrides]
        command += [f"callbacks.{name}=null" for name in ("tsne", "curves", "criteria", "oracle")]
        runs = [
            subprocess.Popen(
                [*command, f"output_root={folder}/{i}"],
                cwd=ROOT,
                env={**os.environ, **variables},
                stdout=subprocess.DEVNULL,
            )
            for i in range(count)
        ]
        codes = [run.wait() for run in runs]
        if any(codes):
            raise RuntimeError("train.py failed")
        speeds = [read_metrics(file)["perf/images_per_second"][1] for file in Path(folder).rglob("metrics.csv")]
        return sum(statistics.median(speed[1:]) for speed in speeds)


def _batch_row(batch: int) -> Row:
    measure = functools.partial(against_bare, "A1", batch)
    return Row(f"{SYSTEMS['A1'].name}, batch {batch}: train.py / bare loop", measure, at_least(0.98))


ROWS = [
    Row("loader over 200,000 images / over 1,000", images),
    Row("opening a cache of 200,000 images with its checksums, s", opening),
    *map(_batch_row, (256, 1024)),
    Row("our GAN, batch 16: images/s at 64x64 / at 128x128", resolution, at_most(4.5)),
    Row("C2, 64 images a step: two processes (gloo) / one", processes),
    Row("our DANN: two runs at once, with one thread each / one", jobs, at_least(1.9)),
    Row("our DANN: threads that sleep while they wait / spin", functools.partial(waiting, 1)),
    Row("our DANN, two runs at once: threads that sleep while they wait / spin", functools.partial(waiting, 2)),
]
