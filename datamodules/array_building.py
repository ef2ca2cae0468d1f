"""Building of the array cache: all images of a reader are decoded on all cores into arrays on the disk."""

from __future__ import annotations

import concurrent.futures
import errno
import glob
import json
import logging
import math
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from adversaria.config.errors import DataError
from adversaria.config.types import OnBadImage
from adversaria.runs import terminal
from datamodules.array_cache import CHUNK, INDEX, checksum, load_cache
from datamodules.readers.base import Reader, SplitIndex

log = logging.getLogger(__name__)
#: What the operating system says where a file's space cannot be taken beforehand.
NO_ALLOCATION = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)


def build(
    reader: Reader, size: int, folder: Path, on_bad_image: OnBadImage, alone: bool, sign: Callable[[], None]
) -> None:
    """Build a cache in a temporary folder, and rename that to `folder`.

    Args:
        reader: delivers the images and labels.
        size: side of the images in pixels.
        folder: of the cache; a damaged one there is replaced.
        on_bad_image: `error` or `skip`.
        alone: whether no other process builds this cache now.
        sign: called now and then, to show that this process is alive.

    Raises:
        DataError: the reader raised it, or a split has no images.
        OSError: the disk is full, or cannot be written to.
    """
    splits = _splits(reader, size, folder.parent)
    if alone:  # nobody is using what killed builds left
        for left in folder.parent.glob(f".{glob.escape(folder.name)}*.part"):
            shutil.rmtree(left, ignore_errors=True)
    scratch = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.part")
    scratch.mkdir()
    try:
        bad: list[str] = []
        total = sum(map(len, splits.values()))
        with terminal.counted(f"reading {reader.name}", total) as advance:
            for split, index in splits.items():
                for count, problems in _write_split(reader, index, size, scratch, split, on_bad_image):
                    bad += problems
                    advance(count)
                    sign()
        _log_read(reader, total, bad)
        contents = {"splits": list(splits), "skipped": len(bad), **_contents(reader, scratch)}
        (scratch / INDEX).write_text(json.dumps(contents), encoding="utf-8")
        _put(scratch, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _log_read(reader: Reader, total: int, bad: list[str]) -> None:
    place = getattr(reader, "place", reader.name)  # of a user's images, of which there may be two sets
    log.info("read %d images of %s", total - len(bad), place)
    if bad:
        what = "image" if len(bad) == 1 else "images"
        log.warning("skipped %d unreadable %s of %s; the first: %s", len(bad), what, place, bad[0])


def _splits(reader: Reader, size: int, place: Path) -> Mapping[str, SplitIndex]:
    """Return the splits of a reader, after a check that none is empty and that the disk has space for all."""
    known = getattr(reader, "counts", {})  # of images that are rendered, before their labels are drawn
    _check_space(place, sum(known.values()) * size * size * 3)
    splits = reader.splits()
    for split, index in splits.items():
        if len(index) == 0:
            raise DataError(f"the {split} split of {reader.name} is empty: its lists name no image of that split")
    _check_space(place, sum(map(len, splits.values())) * size * size * 3)
    return splits


def _contents(reader: Reader, folder: Path) -> dict[str, Any]:
    files = {f.name: (f.stat().st_size, checksum(f)) for f in sorted(folder.glob("*.npy"))}
    notes = {"notes": reader.tally.summary()} if hasattr(reader, "tally") else {}
    return {"attributes": reader.attributes(), "files": files, **notes}


def _put(scratch: Path, folder: Path) -> None:
    if folder.exists() and load_cache(folder, quiet=True) is None:
        shutil.rmtree(folder)  # damaged
    try:
        scratch.rename(folder)
    except OSError:
        if load_cache(folder, quiet=True) is None:
            raise
        # another process, with which no lock was shared, was faster


def _check_space(place: Path, needed: int) -> None:
    usage = shutil.disk_usage(place)
    if usage.total and needed > usage.free:  # some file systems do not tell
        raise OSError(errno.ENOSPC, f"No space left on device: it needs {needed >> 20} MiB")


def _write_split(
    reader: Reader, index: SplitIndex, size: int, folder: Path, split: str, on_bad_image: OnBadImage
) -> Iterator[tuple[int, list[str]]]:
    """Decode one split into its arrays on all cores.

    Yields how many more images are done, and at the end one message for each skipped image.
    """
    images = allocate(folder / f"{split}.images.npy", (len(index), size, size, 3))
    problems: dict[int, str] = {}
    step = min(CHUNK, 1 + len(index) // 64)  # few images may be large ones, which all cores should share

    def fill(start: int) -> int:  # decoding an image releases the GIL, so threads can use all cores
        stop = min(start + step, len(index))
        for i in range(start, stop):
            try:
                images[i] = reader.read(index.names[i], size)
            except DataError as error:
                if on_bad_image == "error":
                    raise
                problems[i] = getattr(error, "found", str(error))
        return stop - start

    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    try:
        for done in concurrent.futures.as_completed([pool.submit(fill, i) for i in range(0, len(index), step)]):
            yield done.result(), []
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    labels = index.labels
    if problems:
        keep = np.setdiff1d(np.arange(len(index)), list(problems))
        if keep.size == 0:
            first = problems[min(problems)]
            raise DataError(f"no image of the {split} split can be read; fetch them again; the first: {first}")
        np.save(folder / f"{split}.images.npy", images[keep])
        labels = labels[keep]
    else:
        images.flush()
    np.save(folder / f"{split}.labels.npy", labels)
    yield 0, [problems[i] for i in sorted(problems)]


def allocate(file: Path, shape: tuple[int, ...]) -> np.memmap:
    """Create an array file, uint8, whose space on the disk is taken at once, and map it.

    A new map is a file of holes. On a full disk, writing into one would end the process by SIGBUS, without a word.

    Raises:
        OSError: the disk has not as much space.
    """
    with file.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})
        stream.flush()
        _take_space(stream, stream.tell(), math.prod(shape))
    mapped: np.memmap = np.load(file, mmap_mode="r+")
    return mapped


def _take_space(stream: BinaryIO, start: int, count: int) -> None:
    try:
        os.posix_fallocate(stream.fileno(), start, count)
    except (OSError, AttributeError) as error:  # AttributeError: macOS and Windows have no such call
        if isinstance(error, OSError) and error.errno not in NO_ALLOCATION:
            raise
        for done in range(0, count, 1 << 20):
            stream.write(bytes(min(1 << 20, count - done)))
