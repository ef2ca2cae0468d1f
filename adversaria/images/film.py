"""Animations of generated images: GIF by Pillow, MP4 by ffmpeg where there is one."""

from __future__ import annotations

import importlib.util
import math
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adversaria.config.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

STEP, PAUSE, SAMPLE = 120, 480, 400  # milliseconds: a step of a row, its ends, an image without rows
RATE = 25  # pictures a second of an MP4
LEAST = 256  # pixels of an MP4's height, to which small images are enlarged: its colours are half as fine


def check(output: Path) -> None:
    """Check that a film of this ending can be written; this needs no torch.

    Raises:
        ConfigError: it is an MP4, and there is no ffmpeg.
    """
    if output.suffix.lower() == ".mp4" and _ffmpeg() is None:
        raise ConfigError(
            f"--output {output}: an .mp4 needs ffmpeg, which is not installed; pip install imageio-ffmpeg, "
            "or give a name that ends in .gif"
        )


def frames(images: np.ndarray, steps: int) -> tuple[list[np.ndarray], list[int]]:
    """Return the pictures of a film, (h, w, 3) uint8 each, and how long each is seen, in milliseconds.

    Args:
        images: (n, h, w, 3) uint8. Of rows, all are shown at once, as they go to their ends and back; else one image
            comes after another.
        steps: images in a row; 1 where there are no rows.
    """
    if steps == 1:
        return list(images), [SAMPLE] * len(images)
    from adversaria.images.grid import grid

    rows = len(images) // steps
    there = [grid(images[step::steps], math.ceil(math.sqrt(rows))) for step in range(steps)]
    back = there[-2:0:-1]
    inner = [STEP] * (steps - 2)
    return [*there, *back], [PAUSE, *inner, PAUSE, *inner]


def write(pictures: Sequence[np.ndarray], milliseconds: Sequence[int], file: Path) -> None:
    """Write a film as its ending says, `.gif`, which repeats itself, or `.mp4`."""
    if file.suffix.lower() == ".mp4":
        _write_mp4(pictures, milliseconds, file)
        return
    from PIL import Image

    first, *others = map(Image.fromarray, pictures)
    first.save(file, "gif", save_all=True, append_images=others, duration=list(milliseconds), loop=0)


def _write_mp4(pictures: Sequence[np.ndarray], milliseconds: Sequence[int], file: Path) -> None:
    height, width, _ = pictures[0].shape
    scale = max(1, math.ceil(LEAST / height))
    fitted = f"scale={width * scale}:{height * scale}:flags=neighbor,pad=ceil(iw/2)*2:ceil(ih/2)*2"
    pixels = b"".join(
        picture.tobytes() * max(1, duration * RATE // 1000)
        for picture, duration in zip(pictures, milliseconds, strict=True)
    )
    command = [
        *(str(_ffmpeg()), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"),
        *("-r", str(RATE), "-i", "-", "-vf", fitted, "-pix_fmt", "yuv420p", str(file)),
    ]
    done = subprocess.run(command, input=pixels, capture_output=True, check=False)
    if done.returncode:
        raise ConfigError(f"{file.name}: ffmpeg could not write it ({done.stderr.decode(errors='replace').strip()})")


def _ffmpeg() -> str | None:
    """Return the program: of the system, or that of the package imageio-ffmpeg."""
    if found := shutil.which("ffmpeg"):
        return found
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        return None
    import imageio_ffmpeg  # type: ignore[import-not-found,unused-ignore]

    return str(imageio_ffmpeg.get_ffmpeg_exe())
