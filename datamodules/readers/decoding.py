"""Decoding of single image files, and the stamp by which a changed file is noticed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from adversaria.config.errors import DataError


def decode_square(data: bytes, file: str, size: int, crop: float) -> np.ndarray:
    """Decode an image, cut its centre square and resize it.

    The result equals that of torchvision's `CenterCrop(side)` and `Resize(size)` (bilinear, antialiased) in each pixel.

    Args:
        data: the bytes of a JPEG or PNG.
        file: its name, for the error.
        size: side of the result in pixels.
        crop: side of the square as a fraction of the image's width: 148/178 for CelebA's usual crop, 1 for the whole.

    Returns:
        (size, size, 3) uint8.

    Raises:
        DataError: the bytes are not an image, or are truncated.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(data))
        image.load()
        image = image if image.mode == "RGB" else image.convert("RGB")  # convert would copy even then
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise DataError(
            f"{file} is not a readable image ({_reason(data, error)}); fetch it again, or set "
            "data.on_bad_image=skip to omit such images"
        ) from error
    width, height = image.size
    side = min(round(width * crop), height)
    left, top = round((width - side) / 2), round((height - side) / 2)
    if image.size != (size, size) or side != size:
        box = (left, top, left + side, top + side)
        image = image.crop(box).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _reason(data: bytes, error: Exception) -> str:
    if not data:
        return "it is empty"
    if data.lstrip()[:1] == b"<":
        return "it is an HTML page, as a download server sends when its quota is used up"
    return str(error).split(" <")[0]


def file_stamp(file: Path) -> list[object]:
    """Return name, size in bytes and modification time in ns of a file, which show whether it was replaced."""
    status = file.stat()
    return [file.name, status.st_size, status.st_mtime_ns]


def open_rgb(file: Path) -> np.ndarray:
    """Open a whole image, (h, w, 3) uint8.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        with Image.open(file) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{file} is not a readable image ({error}); fetch it again") from error
