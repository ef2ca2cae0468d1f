"""Faces a second of the loader alone, and JPEGs a second while the cache is built.

    python -m benchmarks.data_path --root DATA [--rounds 5]

DATA holds CelebA. `usual pipeline` is one torchvision dataset of decoded-on-demand files behind a DataLoader.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sized
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from benchmarks.alternate import alternate
from datamodules.array_cache import open_cache
from datamodules.batch_loader import BatchLoader, EpochOrder
from datamodules.sources.celeba import CelebA


class OnDemand(Dataset[torch.Tensor]):
    """The usual pipeline: open, decode, crop, resize and normalise each file as it is asked for."""

    def __init__(self, source: CelebA, count: int) -> None:
        self.source, self.names = source, source.tables()["train"].names[:count]

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> torch.Tensor:
        image = np.array(self.source.read(self.names[index], 64))
        return torch.from_numpy(image).permute(2, 0, 1).float().div(127.5).sub(1)


def rate(loader: Any, dataset: Sized, passes: int) -> float:
    """Return items a second over some passes."""
    start = time.perf_counter()
    for _ in range(passes):
        for _ in loader:
            pass
    return passes * len(dataset) / (time.perf_counter() - start)


def build(root: Path) -> float:
    """Return JPEGs a second of a whole build: reading, decoding, writing, checksums."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        cache = open_cache(CelebA(str(root)), 64, Path(folder))
        return sum(map(len, cache.splits.values())) / (time.perf_counter() - start)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, required=True, help="folder of CelebA")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        split = open_cache(CelebA(str(options.root)), 64, Path(folder)).splits["train"]
        loader = BatchLoader(split, 128, EpochOrder(len(split), shuffle=True))
        usual = OnDemand(CelebA(str(options.root)), 1000)
        variants = {
            "loader, from the cache": lambda: rate(loader, split, 10),
            "usual pipeline": lambda: rate(DataLoader(usual, 128, shuffle=True), usual, 1),
            "building the cache": lambda: build(options.root),
        }
        alternate(variants, options.rounds, "images/s", against="usual pipeline")


if __name__ == "__main__":
    main()
