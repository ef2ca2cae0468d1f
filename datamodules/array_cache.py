"""The array cache: a source read once into memory-mapped uint8 arrays and label tables.

Layout of `<cache_dir>/<source>_<size>_<fingerprint>/`: for each split `<split>.images.npy` (n, size, size, 3) uint8
and `<split>.labels.npy` (n, k) int8, and `index.json` with the attribute names, the images left out, and the length
and CRC-32 of every array. A cache is built in a temporary folder beside it and renamed when complete, under a lock,
so that runs started at once share one build and a crash leaves none half done. Every opening compares the checksums;
a damaged cache is built again.
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
from datamodules.readers import Reader, SplitIndex

log = logging.getLogger(__name__)
INDEX = "index.json"
CHUNK = 256  # images a task of the pool


@dataclass(frozen=True)
class ArraySplit:
    """One split in memory-mapped arrays: images (n, size, size, 3) uint8, labels (n, k) int8."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class ArrayCache:
    """An opened cache."""

    folder: Path
    attributes: list[str]
    skipped: int
    splits: dict[str, ArraySplit]


def open_cache(source: Reader, size: int, cache_dir: Path, on_bad_image: OnBadImage = "error") -> ArrayCache:
    """Open the cache of `source` at `size` × `size` pixels; build it first if it is absent or damaged.

    Args:
        source: where the images come from.
        size: side of the images in pixels.
        cache_dir: folder of all caches; created if need be.
        on_bad_image: `error` stops at the first unreadable image, `skip` leaves such images out and counts them.

    Raises:
        DataError: as the source does; or a split without images.
    """
    key = json.dumps([source.fingerprint(), source.attributes(), on_bad_image], sort_keys=True).encode()
    name = f"{source.name}_{size}_{hashlib.blake2b(key, digest_size=8).hexdigest()}"
    folder = cache_dir / name
    cache_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(cache_dir / f"{name}.lock"):  # a second run waits here for the first one's build
        cache = _load(folder)
        if cache is None:
            _build(source, size, folder, on_bad_image)
            cache = _load(folder)
    if cache is None:
        raise DataError(f"the cache {folder} was written but does not read back; is the disk full or failing?")
    return cache


def _load(folder: Path) -> ArrayCache | None:
    """Open a complete and undamaged cache, or return None."""
    try:
        index = json.loads((folder / INDEX).read_text())
        for file, (length, crc) in index["files"].items():
            if (folder / file).stat().st_size != length or _crc(folder / file) != crc:
                log.warning("the cache %s is damaged (%s); building it again", folder, file)
                return None
        splits = {
            split: ArraySplit(
                *(np.load(folder / f"{split}.{part}.npy", mmap_mode="r") for part in ("images", "labels"))
            )
            for split in index["splits"]
        }
        return ArrayCache(folder, index["attributes"], index["skipped"], splits)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("the cache %s is damaged (%s); building it again", folder, error)
        return None


def _crc(file: Path) -> int:
    crc = 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 24):
            crc = zlib.crc32(block, crc)
    return crc


def _build(source: Reader, size: int, folder: Path, on_bad_image: OnBadImage) -> None:
    tables = source.tables()
    for split, table in tables.items():
        if len(table) == 0:
            raise DataError(f"the {split} split of {source.name} is empty: its lists name no image of that part")
    scratch = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)  # of a build that was killed: the lock is ours, so no one is at it
    scratch.mkdir()
    try:
        bad: list[str] = []
        with _progress(f"reading {source.name}", sum(map(len, tables.values()))) as advance:
            for split, table in tables.items():
                bad += _write_split(source, table, size, scratch, split, on_bad_image, advance)
        if bad:
            log.warning("left out %d unreadable images of %s; the first: %s", len(bad), source.name, bad[0])
        files = {f.name: (f.stat().st_size, _crc(f)) for f in sorted(scratch.glob("*.npy"))}
        index = {
            "attributes": source.attributes(),
            "splits": list(tables),
            "skipped": len(bad),
            "files": files,
        }
        (scratch / INDEX).write_text(json.dumps(index))
        if folder.exists():  # damaged
            shutil.rmtree(folder)
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write_split(
    source: Reader, table: SplitIndex, size: int, folder: Path, split: str, on_bad_image: OnBadImage, advance: Any
) -> list[str]:
    """Decode one split into its arrays with all cores; return what was wrong with each image left out."""
    images = np.lib.format.open_memmap(
        folder / f"{split}.images.npy", mode="w+", dtype=np.uint8, shape=(len(table), size, size, 3)
    )
    problems: dict[int, str] = {}

    def fill(start: int) -> int:  # decoding a file releases the GIL, so threads share the array and use all cores
        stop = min(start + CHUNK, len(table))
        for i in range(start, stop):
            try:
                images[i] = source.read(table.names[i], size)
            except DataError as error:
                if on_bad_image == "error":
                    raise
                problems[i] = str(error)
        return stop - start

    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        for done in concurrent.futures.as_completed([pool.submit(fill, i) for i in range(0, len(table), CHUNK)]):
            advance(done.result())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    labels = table.labels
    if problems:
        keep = np.setdiff1d(np.arange(len(table)), list(problems))
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
