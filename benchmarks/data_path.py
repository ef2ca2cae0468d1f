"""The loader alone, against the usual pipeline and as a share of a step; and how long it takes to build a cache.

The usual pipeline is a DataLoader that opens, decodes, crops, resizes and normalises one JPEG of 178×218, CelebA's
size, after another. The JPEGs contain smoothed noise, have about as many bytes as CelebA's, and are in a temporary
folder.
"""

from __future__ import annotations

import functools
import io
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from adversaria.speed.settings import keep_memory
from benchmarks.suite import Row, Trial, at_least, at_most

if TYPE_CHECKING:
    from datamodules.batch_loader import BatchLoader

BATCH = 128
RANGE = (-1.0, 1.0)
DIFFERENT = 64  # JPEGs; all other files are copies of these


def make_celeba(root: Path, count: int) -> Path:
    """Write `count` JPEGs of 178×218 with CelebA's lists; return the folder. 90 % are training images."""
    from PIL import Image

    rng = np.random.default_rng(0)
    jpegs = []
    for _ in range(min(DIFFERENT, count)):
        small = Image.fromarray(rng.integers(0, 256, (14, 11, 3), dtype=np.uint8))
        smooth = np.asarray(small.resize((178, 218), Image.Resampling.BICUBIC), np.float32)
        noisy = (smooth + rng.normal(0, 4, smooth.shape)).clip(0, 255).astype(np.uint8)
        stream = io.BytesIO()
        Image.fromarray(noisy).save(stream, "jpeg", quality=90)
        jpegs.append(stream.getvalue())
    folder = root / "img_align_celeba"
    folder.mkdir()
    names = [f"{i:06d}.jpg" for i in range(count)]
    for i, name in enumerate(names):
        (folder / name).write_bytes(jpegs[i % len(jpegs)])
    parts = np.repeat([0, 1, 2], [count - 2 * (count // 20), count // 20, count // 20])
    (root / "list_eval_partition.txt").write_text(
        "".join(f"{n} {p}\n" for n, p in zip(names, parts, strict=True)), encoding="utf-8"
    )
    rows = "".join(f"{name} {1 if i % 2 else -1}\n" for i, name in enumerate(names))
    (root / "list_attr_celeba.txt").write_text(f"{count}\nSmiling\n{rows}", encoding="utf-8")
    return root


def random_split(folder: Path, count: int, size: int = 64) -> Any:
    """Write memory-mapped arrays of `count` random images, as a cache has them; return the split."""
    from datamodules.array_cache import ArraySplit

    file = folder / f"{count}.npy"
    if not file.exists():
        images = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(count, size, size, 3))
        block = np.random.default_rng(0).integers(0, 256, (1000, size, size, 3), dtype=np.uint8)
        for start in range(0, count, len(block)):
            images[start : start + len(block)] = block[: count - start]
        images.flush()
    return ArraySplit(np.load(file, mmap_mode="r"), np.zeros((count, 1), np.int8))


def loader_over(split: Any, batch: int = BATCH) -> BatchLoader:
    """Return the shuffling loader of a split."""
    from datamodules.batch_loader import BatchLoader, EpochSampler

    return BatchLoader(split, batch, EpochSampler(len(split), shuffle=True), drop_last=True)


def images_per_second(loader: BatchLoader, passes: int, normalised: bool = True) -> float:
    """Return images a second over some passes, normalised or as they go to the device."""
    from datamodules.images import normalize

    count, start = 0, time.perf_counter()
    for _ in range(passes):
        for batch in loader:
            count += len(normalize(batch["image"], RANGE) if normalised else batch["image"])
    return count / (time.perf_counter() - start)


def usual_pipeline(root: Path) -> float:
    """Return images a second of a DataLoader over files."""
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset
    from torchvision import transforms

    transform = transforms.Compose(
        [
            transforms.CenterCrop(148),
            transforms.Resize(64),
            transforms.ToTensor(),
            transforms.Normalize([0.5] * 3, [0.5] * 3),
        ]
    )

    class Files(Dataset[Any]):
        def __init__(self) -> None:
            self.files = sorted((root / "img_align_celeba").iterdir())

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, index: int) -> Any:
            with Image.open(self.files[index]) as image:
                return transform(image.convert("RGB"))

    count, start = 0, time.perf_counter()
    for batch in DataLoader(Files(), BATCH, shuffle=True):
        count += len(batch)
    return count / (time.perf_counter() - start)


@functools.cache
def _scratch() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def scratch() -> Path:
    """Return a temporary folder for all rounds of a row; it is removed at the end of the row's process."""
    return Path(_scratch().name)


@functools.cache
def celeba(count: int) -> Path:
    """Return a folder with this number of JPEGs, which the first call writes."""
    root = scratch() / "celeba"
    root.mkdir()
    return make_celeba(root, count)


def against_usual(normalised: bool, trial: Trial) -> float:
    """Return the images a second of the loader over those of the usual pipeline, which normalises in any case."""
    root = celeba(trial.size(1500, 200))
    keep_memory()  # as in train.py
    loader = loader_over(random_split(scratch(), trial.size(40_000, 1000)))
    return trial.ratio(
        lambda: images_per_second(loader, trial.size(5, 1), normalised),
        lambda: usual_pipeline(root),
        ("loader", "PIL pipeline"),
        "images/s",
    )


def share_of_a_step(trial: Trial) -> float:
    """Return the loader's time for a batch in % of a step of A1."""
    from benchmarks import bare
    from benchmarks.systems import SYSTEMS

    loader = loader_over(random_split(scratch(), trial.size(40_000, 1000)))
    step = bare.images_per_second(SYSTEMS["A1"].config(BATCH), trial.size(12, 2))
    return 100 * step / images_per_second(loader, trial.size(5, 1))


def building(trial: Trial) -> float:
    """Return the seconds that a cache of 40,000 JPEGs takes: reading, decoding, writing, checksums."""
    from datamodules.array_cache import open_cache
    from datamodules.readers.celeba import CelebA

    count = trial.size(40_000, 400)
    root = celeba(count)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        open_cache(CelebA(str(root)), 64, Path(folder))
        return (time.perf_counter() - start) * 40_000 / count


ROWS = [
    Row("loader, uint8 batches of 128 / PIL pipeline", functools.partial(against_usual, False), at_least(200)),
    Row("loader with normalisation, which is the device's / PIL pipeline", functools.partial(against_usual, True)),
    Row("loader in % of A1's step, batch 128", share_of_a_step, at_most(0.2)),
    Row("building a cache of 40,000 JPEGs of 178x218, s", building, at_most(15)),
]
