"""Decoding of image files: the one way from the bytes of a file to RGB pixels, for all readers."""

from __future__ import annotations

import io
import logging
import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from adversaria.config.errors import DataError
from datamodules.readers.files import file_stamp, read_file

__all__ = ["decode", "decode_square", "file_stamp", "open_rgb"]

log = logging.getLogger(__name__)
#: All that Pillow may open: some of its other formats start a program, such as Ghostscript for EPS.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "PPM", "TIFF")
BACKGROUND = (255, 255, 255, 255)  # white: what is seen where an image is transparent
MAX_PIXELS = 89_478_485  # Pillow's own limit for a warning; an image of this size takes 256 MiB
MAX_FILE = 1 << 26  # bytes of an image file
SKIP = "fetch it again, or set data.on_bad_image=skip to omit such images"

#: EXIF's orientation -> what turns the stored picture upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION, _BITS, _PHOTOMETRIC = 0x0112, 258, 262  # tags of EXIF and TIFF
_SAID = threading.Event()  # whether an animated image was met: once is enough
_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")
warnings.simplefilter("error", Image.DecompressionBombWarning)  # as Pillow's documentation recommends


def decode(data: bytes, file: str, cure: str = SKIP) -> Image.Image:
    """Decode an image to RGB, 8 bits a channel, as a viewer shows it.

    EXIF's orientation is applied, transparent parts are white, grey images of 16 bits are scaled to 8, and of an
    animated file the first frame is taken.

    Args:
        data: the bytes of a file in one of `FORMATS`.
        file: its name, for the error.
        cure: what the user can do, for the error.

    Raises:
        DataError: the bytes are not such an image, are truncated, or would become more than `MAX_PIXELS`; or its pixels
            have no stated range, as floating-point ones.
    """
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
        if image.width * image.height > MAX_PIXELS:
            raise ValueError(f"it has {image.width}x{image.height} pixels, more than the limit of {MAX_PIXELS}")
        if getattr(image, "is_animated", False):
            _say_first_frame(file)
        image.load()
        return _to_rgb(_upright(image), image.format)
    except Exception as error:  # of each format's plugin other types, and MemoryError
        raise DataError(f"{file} is not a readable image ({_reason(data, error)}); {cure}") from error


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
    image = decode(data, file)
    width, height = image.size
    side = max(1, min(round(width * crop), height))
    left, top = round((width - side) / 2), round((height - side) / 2)
    if image.size != (size, size) or side != size:
        box = (left, top, left + side, top + side)
        image = image.crop(box).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image)


def open_rgb(file: Path) -> np.ndarray:
    """Open a whole image that cannot be left out, (h, w, 3) uint8.

    Raises:
        DataError: it is missing or damaged.
    """
    return np.asarray(decode(read_file(file, MAX_FILE), str(file), "fetch it again"))


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF data: viewers show the image as it is stored
        return image
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image, kind: str | None) -> Image.Image:
    if image.mode == "RGB" and "transparency" not in image.info:
        return image  # convert would copy it
    sixteen_bits = image.mode.startswith("I;16") or (image.mode == "I" and kind in ("PNG", "PPM"))
    if sixteen_bits:
        return _grey_of_eight_bits(image).convert("RGB")
    if image.mode in ("F", "I"):
        numbers = "floating-point" if image.mode == "F" else "32-bit"
        raise ValueError(f"its pixels are {numbers} numbers, and it does not say which is white; save 8 or 16 bits")
    if image.mode in _WITH_ALPHA or "transparency" in image.info:
        seen = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, BACKGROUND), seen).convert("RGB")
    return image.convert("RGB")


def _grey_of_eight_bits(image: Image.Image) -> Image.Image:
    """Scale grey pixels of up to 16 bits, for which Pillow does not heed what a file says of white and transparency."""
    tags = getattr(image, "tag_v2", {})  # of TIFF
    white = (1 << min(tags.get(_BITS, (16,))[0], 16)) - 1
    stored = np.asarray(image).astype(np.int64).clip(0, white)
    grey = (stored * 255 + white // 2) // white
    if tags.get(_PHOTOMETRIC) == 0:  # 0 is white
        grey = 255 - grey
    grey[stored == image.info.get("transparency", -1)] = BACKGROUND[0]
    return Image.fromarray(grey.astype(np.uint8))


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
