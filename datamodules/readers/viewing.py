"""What a viewer does before it shows a picture: it turns it upright, puts it on white, and scales 16 bits to 8."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from PIL import Image

from datamodules.readers.tally import MODES

BACKGROUND = (255, 255, 255, 255)  # white: what is seen where an image is transparent
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
_WITH_ALPHA = ("RGBA", "LA", "PA", "La", "RGBa")


def upright(image: Image.Image) -> Image.Image:
    """Turn an image as EXIF's orientation says; without one it is returned itself."""
    try:
        turn = _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged EXIF data: viewers show the image as it is stored
        return image
    return image if turn is None else image.transpose(turn)


def conversions(image: Image.Image) -> Iterator[str]:
    """Yield what has to be converted of an image that is opened and not yet loaded, besides its orientation."""
    if getattr(image, "is_animated", False):
        yield "animated"
    tiles = getattr(image, "tile", [])  # what is to be loaded; first of its arguments the mode of the file: RGB;16B
    modes = (str(tile[3][0] if isinstance(tile[3], tuple) and tile[3] else tile[3]) for tile in tiles)
    if image.mode.startswith("RGB") and any(re.search(";16[BLN]", mode) for mode in modes):
        yield "of 16 bits"
    if "transparency" in image.info:
        yield MODES["RGBA"]
    elif image.mode != "RGB":
        yield MODES.get(image.mode, image.mode)


def to_rgb(image: Image.Image, kind: str | None) -> Image.Image:
    """Convert an image to RGB, 8 bits a channel; `kind` is the format of its file.

    Raises:
        ValueError: its pixels have no stated range.
    """
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
