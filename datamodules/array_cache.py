"""The array cache: what a reader delivers, stored once as memory-mapped arrays of images and labels.

Layout of `<cache_dir>/<reader>_<size>_<fingerprint>/`: for each split `<split>.images.npy` (n, size, size, 3) uint8
and `<split>.labels.npy` (n, k) int8, and `index.json` with the attribute names, the number of skipped images, and the
length and CRC-32 of every array. A cache is built in a temporary folder beside it and renamed when it is complete. A
lock is held meanwhile, so that runs that start at the same time share one build, and a crash leaves no incomplete
cache. Every opening compares the checksums; a damaged cache is built again.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from adversaria.config.errors import DataError
from adversaria.config.types import OnBadImage
from datamodules.readers.base import Reader, SplitIndex

log = logging.getLogger(__name__)
INDEX = "index.json"
CHUNK = 256  # images that one task of the thread pool reads


@dataclass(frozen=True)
class ArraySplit:
    """One split in memory-mapped arrays: images (n, size, size, 3) uint8, labels (n, k) int8."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class ArrayCache:
    """An opened cache; `skipped` counts the unreadable images that it does not contain."""

    folder: Path
    attributes: list[str]
    skipped: int
    splits: dict[str, ArraySplit]


def open_cache(reader: Reader, size: int, cache_dir: Path, on_bad_image: OnBadImage = "error") -> ArrayCache:
    """Open the cache of a reader's images at `size` × `size` pixels; build it first if it is absent or damaged.

    Args:
        reader: delivers the images and labels.
        size: side of the images in pixels.
        cache_dir: folder of all caches; created if it does not exist.
        on_bad_image: `error` stops at the first unreadable image, `skip` omits such images and counts them.

    Raises:
        DataError: the reader raised it, a split has no images, or the new cache cannot be read back.
    """
    key = json.dumps([reader.fingerprint(), reader.attributes(), on_bad_image], sort_keys=True).encode()
    name = f"{reader.name}_{size}_{hashlib.blake2b(key, digest_size=8).hexdigest()}"
    folder = cache_dir / name
    cache_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(cache_dir / f"{name}.lock"):  # a second run waits here for the first one's build
        cache = load_cache(folder)
        if cache is None:
            _build(reader, size, folder, on_bad_image)
            cache = load_cache(folder)
    if cache is None:
        raise DataError(f"the cache {folder} was written but cannot be read back; is the disk full or failing?")
    return cache


def load_cache(folder: Path) -> ArrayCache | None:
    """Open a complete and undamaged cache, or return None."""
    try:
        contents = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        for file, (length, crc) in contents["files"].items():
            if (folder / file).stat().st_size != length or checksum(folder / file) != crc:
                log.warning("the cache %s is damaged (%s); building it again", folder, file)
                return None
        splits = {
            split: ArraySplit(
                *(np.load(folder / f"{split}.{part}.npy", mmap_mode="r") for part in ("images", "labels"))
            )
            for split in contents["splits"]
        }
        return ArrayCache(folder, contents["attributes"], contents["skipped"], splits)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("the cache %s is damaged (%s); building it again", folder, error)
        return None


def checksum(file: Path) -> int:
    """Return the CRC-32 of a file."""
    crc = 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 24):
            crc = zlib.crc32(block, crc)
    return crc


def _build(reader: Reader, size: int, folder: Path, on_bad_image: OnBadImage) -> None:
    splits = reader.splits()
    for split, index in splits.items():
        if len(index) == 0:
            raise DataError(f"the {split} split of {reader.name} is empty: its lists name no image of that split")
    scratch = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)  # left by a killed build: we hold the lock, so nobody is using it
    scratch.mkdir()
    try:
        bad: list[str] = []
        with _progress(f"reading {reader.name}", sum(map(len, splits.values()))) as advance:
            for split, index in splits.items():
                bad += _write_split(reader, index, size, scratch, split, on_bad_image, advance)
        if bad:
            log.warning("skipped %d unreadable images of %s; the first: %s", len(bad), reader.name, bad[0])
        files = {f.name: (f.stat().st_size, checksum(f)) for f in sorted(scratch.glob("*.npy"))}
        contents = {"attributes": reader.attributes(), "splits": list(splits), "skipped": len(bad), "files": files}
        (scratch / INDEX).write_text(json.dumps(contents), encoding="utf-8")
        if folder.exists():  # damaged
            shutil.rmtree(folder)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_split(
    reader: Reader, index: SplitIndex, size: int, folder: Path, split: str, on_bad_image: OnBadImage, advance: Any
) -> list[str]:
    """Decode one split into its arrays on all cores; return one message for each skipped image."""
    images = np.lib.format.open_memmap(
        folder / f"{split}.images.npy", mode="w+", dtype=np.uint8, shape=(len(index), size, size, 3)
    )
    problems: dict[int, str] = {}

    def fill(start: int) -> int:  # decoding an image releases the GIL, so threads can use all cores
        stop = min(start + CHUNK, len(index))
        for i in range(start, stop):
            try:
                images[i] = reader.read(index.names[i], size)
            except DataError as error:
                if on_bad_image == "error":
                    raise
                problems[i] = str(error)
        return stop - start

    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        for done in concurrent.futures.as_completed([pool.submit(fill, i) for i in range(0, len(index), CHUNK)]):
            advance(done.result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    labels = index.labels
    if problems:
        keep = np.setdiff1d(np.arange(len(index)), list(problems))
        if keep.size == 0:
            raise DataError(f"no image of the {split} split can be read; the first: {problems[0]}")
        np.save(folder / f"{split}.images.npy", images[keep])
        labels = labels[keep]
    else:
        images.flush()
    np.save(folder / f"{split}.labels.npy", labels)
    return [problems[i] for i in sorted(problems)]


@contextlib.contextmanager
def _progress(title: str, total: int) -> Iterator[Any]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns) as bar:
        task = bar.add_task(title, total=total)
        yield lambda n: bar.advance(task, n)
