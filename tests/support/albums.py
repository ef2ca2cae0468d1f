"""Folders of pictures as people have them, made from a seed."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

#: Suffix -> format: what people's pictures are, in the letters that their programs write.
KINDS = {".jpg": "JPEG", ".JPEG": "JPEG", ".png": "PNG", ".WebP": "WEBP", ".tif": "TIFF", ".BMP": "BMP", ".gif": "GIF"}


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return the bytes of an image file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def picture(seed: int, width: int = 12, height: int = 10) -> Image.Image:
    """Return a picture of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def album(root: Path, names: Iterable[str]) -> Path:
    """Write a picture under each name, in the format that its suffix says; return the folder."""
    formats = {suffix.lower(): kind for suffix, kind in KINDS.items()}
    for number, name in enumerate(names):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(picture(number), formats[file.suffix.lower()]))
    return root


def names(classes: Iterable[str], count: int = 10) -> list[str]:
    """Return names of pictures in a folder for each class, of all formats."""
    suffixes = list(KINDS)
    return [f"{kind}/{i:02d}{suffixes[i % len(suffixes)]}" for kind in classes for i in range(count)]


def packed(folder: Path, file: Path) -> Path:
    """Pack a folder into a .zip or a .tar with its own name on top, and return that."""
    found = sorted(folder.rglob("*"))
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in found:
                archive.write(entry, entry.relative_to(folder.parent))
    else:
        with tarfile.open(file, "w") as tar:
            for entry in found:
                tar.add(entry, str(entry.relative_to(folder.parent)), recursive=False)
    return file


def listing(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return mode, size and time of all that is in a folder."""
    found = {str(path): path.lstat() for path in sorted(folder.rglob("*"))}
    return {name: (status.st_mode, status.st_size, status.st_mtime_ns) for name, status in found.items()}
