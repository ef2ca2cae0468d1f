"""The array cache: what a reader delivers, stored once as memory-mapped arrays of images and labels.

Layout of `<cache_dir>/<reader>_<size>_<fingerprint>/`: for each split `<split>.images.npy` (n, size, size, 3) uint8
and `<split>.labels.npy` (n, k) int8 or int16, and `index.json` with the attribute names, the number of skipped images,
and the length and CRC-32 of every array. A cache is built in a temporary folder beside it and renamed when it is
complete. A lock is held meanwhile, so that runs that start at the same time share one build, and a crash leaves no
incomplete cache. Without locks, or if the process that holds it gives no sign of life, each run builds its own, and
one stays. Every opening compares the checksums; a damaged cache is built again. A complete one is only read.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import shutil
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adversaria.config.errors import DataError, SavingError, first_line
from adversaria.config.loaded import check_file, read_json
from adversaria.config.types import OnBadImage
from adversaria.runs.file_lock import file_lock
from datamodules.labels import classes_of
from datamodules.readers.base import Reader
from datamodules.readers.tally import Notes, checked_notes

log = logging.getLogger(__name__)
INDEX = "index.json"
CHUNK = 256  # images that one task of the thread pool reads, at most
PATIENCE = 120.0  # seconds without a sign of life from the process that holds the lock
SIGN_OF_LIFE = 5.0  # seconds between two signs


@dataclass(frozen=True)
class ArraySplit:
    """One split in memory-mapped arrays: images (n, size, size, 3) uint8, labels (n, k) int8 or int16."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class ArrayCache:
    """An opened cache.

    `skipped` counts the unreadable images that it does not contain; `files` has length and CRC-32 of each array;
    `notes` is what was met while the images were decoded, as `datamodules.readers.tally` has it.
    """

    folder: Path
    attributes: list[str]
    skipped: int
    splits: dict[str, ArraySplit]
    files: dict[str, tuple[int, int]]
    notes: Notes

    def checksums(self) -> dict[str, dict[str, int]]:
        """Return the CRC-32 of the images and of the labels of each split."""
        parts = ("images", "labels")
        return {split: {part: self.files[f"{split}.{part}.npy"][1] for part in parts} for split in self.splits}


def open_cache(reader: Reader, size: int, cache_dir: Path, on_bad_image: OnBadImage = "error") -> ArrayCache:
    """Open the cache of a reader's images at `size` × `size` pixels; build it first if it is absent or damaged.

    Args:
        reader: delivers the images and labels.
        size: side of the images in pixels.
        cache_dir: folder of all caches; created if it does not exist.
        on_bad_image: `error` stops at the first unreadable image, `skip` omits such images and counts them.

    Raises:
        DataError: the reader raised it, a split has no images, or the new cache cannot be read back.
        SavingError: there is no complete cache, and none can be written.
    """
    from datamodules.array_building import build

    depends = [reader.fingerprint(), reader.attributes(), on_bad_image]
    depends += [classes] if (classes := classes_of(reader)) else []
    key = json.dumps(depends, sort_keys=True).encode()
    plain_name = re.sub(r"[^\w.-]", "-", reader.name, flags=re.ASCII)[:100]  # a file name has at most 255 bytes
    name = f"{plain_name}_{size}_{hashlib.blake2b(key, digest_size=8).hexdigest()}"
    folder = cache_dir / name
    if cache := load_cache(folder, quiet=True):
        return cache  # without a lock, so that it may be on a file system that is read-only
    with _one_sentence(folder):
        cache_dir.mkdir(parents=True, exist_ok=True)
        lock = cache_dir / f"{name}.lock"
        with file_lock(lock, PATIENCE) as state:  # a second run waits here for the first one's build
            if state == "unsupported":
                log.info("the file system of %s has no locks: runs that start together build a cache each", cache_dir)
            cache = load_cache(folder)
            if cache is None:
                build(reader, size, folder, on_bad_image, alone=state == "held", sign=_signs_of_life(lock))
                cache = load_cache(folder)
    if cache is None:
        raise DataError(f"the cache {folder} was written but cannot be read back; is the disk full or failing?")
    return cache


def load_cache(folder: Path, quiet: bool = False) -> ArrayCache | None:
    """Open a complete and undamaged cache, or return None; `quiet` leaves out the warning of damage."""
    level = logging.DEBUG if quiet else logging.WARNING
    try:
        contents = read_json(folder / INDEX)
        splits = {}
        for split in contents["splits"]:
            for file in (f"{split}.images.npy", f"{split}.labels.npy"):
                length, crc = contents["files"][file]
                check_file(folder / file, length, within=folder)  # before it is read: it may be a pipe, or elsewhere
                if (folder / file).stat().st_size != length or checksum(folder / file) != crc:
                    log.log(level, "the cache %s is damaged (%s); building it again", folder, file)
                    return None
            splits[split] = _opened(folder, split, len(contents["attributes"]))
        notes = checked_notes(contents.get("notes", {}))
        return ArrayCache(folder, contents["attributes"], contents["skipped"], splits, contents["files"], notes)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.log(level, "the cache %s is damaged (%s); building it again", folder, error)
        return None


def _opened(folder: Path, split: str, count: int) -> ArraySplit:
    """Map the arrays of a split with `count` labels."""
    images, labels = (np.load(folder / f"{split}.{part}.npy", mmap_mode="r") for part in ("images", "labels"))
    fits = images.ndim == 4 and images.shape[1:] == (*images.shape[1:2] * 2, 3) and labels.shape == (len(images), count)
    if not fits or images.dtype != np.uint8 or labels.dtype not in (np.int8, np.int16):
        raise ValueError(f"{split}: {images.dtype} {images.shape}, {labels.dtype} {labels.shape}")
    return ArraySplit(images, labels)


def checksum(file: Path) -> int:
    """Return the CRC-32 of a file."""
    crc = 0
    with file.open("rb") as stream:
        while block := stream.read(1 << 24):
            crc = zlib.crc32(block, crc)
    return crc


def _signs_of_life(lock: Path) -> Callable[[], None]:
    """Return a function that touches the lock's file now and then, for the processes that wait."""
    last = time.monotonic()

    def sign() -> None:
        nonlocal last
        if time.monotonic() - last > SIGN_OF_LIFE:
            last = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(lock)

    return sign


@contextlib.contextmanager
def _one_sentence(folder: Path) -> Iterator[None]:
    """Turn what the operating system says about the disk of a cache into one sentence."""
    try:
        yield
    except OSError as error:
        reason, cure = error.strerror or first_line(error), ""
        if error.errno in (errno.ENOSPC, errno.EDQUOT, None):  # NumPy says without a number that it wrote too little
            place = next((p for p in folder.parents if os.path.exists(p)), folder.parent)  # noqa: PTH110 (it may be too long)
            with contextlib.suppress(OSError):
                reason += f", {shutil.disk_usage(place).free >> 20} MiB are free there"
            cure = "free some space, or "
        raise SavingError(
            f"the cache {folder.absolute()} cannot be written ({reason}); {cure}set data.cache_dir=PATH elsewhere"
        ) from error
