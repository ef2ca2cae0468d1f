"""Anyone's images, `data=folder`, against the same files as `data=celeba`: reading them, and the steps after it.

Reading starts without an array cache, and with files that the operating system has to fetch from the disk again.
"""

from __future__ import annotations

import functools
import os
import tempfile
import time
from pathlib import Path

from benchmarks.data_path import celeba, scratch
from benchmarks.suite import Row, Trial, at_least
from benchmarks.systems import System

IMAGES = "img_align_celeba"
BATCH = 64


def forget(folder: Path) -> None:
    """Let the operating system drop what it remembers of the files of a folder."""
    os.sync()  # it keeps what is not yet on the disk
    for file in folder.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def reading(data: str, root: Path) -> float:
    """Return the images a second at which an array cache is built."""
    from datamodules.array_cache import open_cache
    from datamodules.readers.celeba import CelebA
    from datamodules.readers.folder import Folder

    reader = CelebA(str(root)) if data == "celeba" else Folder(str(root / IMAGES))
    forget(root)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        cache = open_cache(reader, 64, Path(folder))
        return sum(map(len, cache.splits.values())) / (time.perf_counter() - start)


def reading_ratio(trial: Trial) -> float:
    """Return the speed of reading as a folder over that as CelebA."""
    root = celeba(trial.size(20_000, 200))
    ours, theirs = (functools.partial(reading, data, root) for data in ("folder", "celeba"))
    return trial.ratio(ours, theirs, ("data=folder", "data=celeba"), "images/s")


def training(data: str, root: Path, steps: int) -> float:
    """Return the images a second of train.py with A1, whose images are read before."""
    from benchmarks import through_train

    place = root / IMAGES if data == "folder" else root
    overrides = ("experiment=report_a/vae", f"data={data}", f"data.root={place}", f"data.cache_dir={scratch()}/cache")
    images = (steps + 1) * BATCH
    return through_train.images_per_second(System("A1", overrides, images), BATCH, steps, "data.horizontal_flip=false")


def training_ratio(trial: Trial) -> float:
    """Return the speed of steps of a folder's images over that of CelebA's."""
    steps = trial.size(60, 2)
    root = celeba(trial.size(20_000, 200))
    ours, theirs = (functools.partial(training, data, root, steps) for data in ("folder", "celeba"))
    return trial.ratio(ours, theirs, ("data=folder", "data=celeba"), "images/s")


ROWS = [
    Row("reading JPEGs of 178x218 from a cold cache: data=folder / data=celeba", reading_ratio, at_least(0.95)),
    Row("steps of A1 after that: data=folder / data=celeba", training_ratio, at_least(0.99)),
]
