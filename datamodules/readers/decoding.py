"""Decoding of image files: the one way from the bytes of a file to RGB pixels, for all readers."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from adversaria.config.errors import UnreadableImage
from adversaria.config.types import Crop
from datamodules.readers.files import OMIT, file_stamp, read_file
from datamodules.readers.tally import Tally
from datamodules.readers.viewing import conversions, to_rgb, upright

__all__ = ["decode", "decode_cropped", "decode_square", "file_stamp", "open_rgb", "square"]

log = logging.getLogger(__name__)
#: All that Pillow may open: some of its other formats start a program, such as Ghostscript for EPS.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "PPM", "TIFF")
MAX_PIXELS = 89_478_485  # Pillow's own limit for a warning; an image of this size takes 256 MiB
MAX_FILE = 1 << 26  # bytes of an image file
SKIP = f"fetch it again, or {OMIT}"
_SAID = threading.Event()  # whether an animated image was met: once is enough
warnings.simplefilter("error", Image.DecompressionBombWarning)  # as Pillow's documentation recommends


def decode(
    data: bytes, file: str, cure: str = SKIP, tally: Tally | None = None, enough: int | None = None
) -> Image.Image:
    """Decode an image to RGB, 8 bits a channel, as a viewer shows it.

    EXIF's orientation is applied, transparent parts are white, grey images of 16 bits are scaled to 8, and of an
    animated file the first frame is taken.

    Args:
        data: the bytes of a file in one of `FORMATS`.
        file: its name, for the error.
        cure: what the user can do, for the error.
        tally: counts what was converted.
        enough: a JPEG may be decoded at a half, a quarter or an eighth of its size where its sides keep so many pixels.

    Raises:
        UnreadableImage: the bytes are not such an image, are truncated, or would become more than `MAX_PIXELS`; or its
            pixels have no stated range, as floating-point ones.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"it has {image.width}x{image.height} pixels, more than the limit of {MAX_PIXELS}")
        if getattr(image, "is_animated", False):
            _say_first_frame(file)
        stored, changes = image.size, list(conversions(image))
        if enough is not None:
            image.draft(None, (enough, enough))  # None keeps the mode
        image.load()
        turned = upright(image)
        rgb = to_rgb(turned, image.format)
    except Exception as error:  # of each format's plugin other types, and MemoryError
        raise UnreadableImage(f"{file} is not a readable image ({_reason(data, error)})", cure) from error
    if tally is not None:
        tally.add(stored, changes if turned is image else ["turned upright", *changes])
    return rgb


def decode_square(data: bytes, file: str, size: int, crop: float) -> np.ndarray:
    """Decode an image, cut its centre square and resize it.

    The result equals that of torchvision's `CenterCrop(side)` and `Resize(size)` (bilinear, antialiased) in each pixel.

    Args:
        data: the bytes of an image file.
        file: its name, for the error.
        size: side of the result in pixels.
        crop: side of the square as a fraction of the image's width: 148/178 for CelebA's usual crop, 1 for the whole.

    Returns:
        (size, size, 3) uint8.

    Raises:
        DataError: as `decode`.
    """
    return square(decode(data, file), size, crop)


def square(image: Image.Image, size: int, crop: float) -> np.ndarray:
    """Cut the centre square of a picture and resize it; see `decode_square`."""
    side = max(1, min(round(image.width * crop), image.height))
    left, top = round((image.width - side) / 2), round((image.height - side) / 2)
    return _resized(image, (left, top, left + side, top + side), size)


def decode_cropped(data: bytes, file: str, size: int, crop: Crop, tally: Tally | None = None) -> np.ndarray:
    """Decode an image, cut the largest square and resize it.

    Args:
        data: the bytes of an image file.
        file: its name, for the error.
        size: side of the result in pixels.
        crop: the square in the `centre` or at the `top`; `none` squeezes the whole image.
        tally: counts what was converted.

    Returns:
        (size, size, 3) uint8.

    Raises:
        DataError: as `decode`.
    """
    image = decode(data, file, tally=tally, enough=2 * size)
    if crop == "none":
        return _resized(image, (0, 0, *image.size), size)
    side = min(image.size)
    left, top = round((image.width - side) / 2), round((image.height - side) / 2) if crop == "centre" else 0
    return _resized(image, (left, top, left + side, top + side), size)


def _resized(image: Image.Image, box: tuple[int, int, int, int], size: int) -> np.ndarray:
    if image.size != (size, size) or box != (0, 0, size, size):
        image = image.crop(box).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image)


def open_rgb(file: Path) -> np.ndarray:
    """Open a whole image that cannot be left out, (h, w, 3) uint8.

    Raises:
        DataError: it is missing or damaged.
    """
    return np.asarray(decode(read_file(file, MAX_FILE), str(file), "fetch it again"))


def _say_first_frame(file: str) -> None:
    if not _SAID.is_set():
        _SAID.set()
        log.warning("%s is animated; only the first frame of this and all other animated images is used", file)


def _reason(data: bytes, error: Exception) -> str:
    if not data:
        return "it is empty"
    if data.lstrip()[:1] == b"<":
        return "it is an HTML page, as a download server sends when its quota is used up"
    return (str(error) or type(error).__name__).split(" <")[0]
