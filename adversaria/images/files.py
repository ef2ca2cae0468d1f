"""Writing images: a folder of numbered PNGs, one PNG of all, or arrays; an interrupted write leaves no file."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from adversaria.config.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

Format = Literal["png", "grid", "npz"]


def format_of(output: Path) -> Format:
    """Return the format of a path by its suffix: `grid` for .png, `npz` for .npz, otherwise `png`, a folder."""
    formats: dict[str, Format] = {".png": "grid", ".npz": "npz"}
    return formats.get(output.suffix, "png")


def check_output(output: Path, kind: Format, overwrite: bool) -> None:
    """Check that images may be written to a path; this needs no torch.

    Raises:
        ConfigError: a file is where a folder is needed or the reverse, or the output exists and `overwrite` is not set.
    """
    folder = kind == "png"
    if output.exists() and output.is_dir() != folder:
        raise ConfigError(f"{output} is {'not ' if folder else ''}a folder; choose another --output, or --format")
    if output.exists() and not overwrite and (not folder or any(output.iterdir())):
        raise ConfigError(
            f"{output} {'is not empty' if folder else 'exists'}; choose another --output, or add --overwrite"
        )


def write_images(images: Iterable[np.ndarray], output: Path, kind: Format, columns: int, **arrays: Any) -> None:
    """Write batches of images, (b, h, w, 3) uint8 each. In an existing folder, only its numbered pictures are replaced.

    Args:
        images: the batches. Images for a folder are written one by one, others are collected first.
        output: the file or folder to write.
        kind: `png` for a folder, `grid` for one PNG, `npz` for an archive with `images` and the other arrays.
        columns: number of images in a row of the grid.
        arrays: further arrays for the archive.
    """
    import numpy as np
    from PIL import Image

    from adversaria.images.grid import grid

    output = output.resolve()
    output.parent.mkdir(parents=True, exist_ok=True)
    scratch = output.with_name(f"{output.name}.part")
    if kind == "png":
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        for number, image in enumerate(image for batch in images for image in batch):
            Image.fromarray(image).save(scratch / f"{number:05d}.png")
        output.mkdir(exist_ok=True)
        for old in output.glob("[0-9]*.png"):
            old.unlink()
        for file in scratch.iterdir():
            file.replace(output / file.name)
        scratch.rmdir()
        return
    together = np.concatenate(list(images))
    with scratch.open("wb") as stream:
        if kind == "grid":
            Image.fromarray(grid(together, columns)).save(stream, "png")
        else:
            np.savez(stream, images=together, **arrays)
    scratch.replace(output)
