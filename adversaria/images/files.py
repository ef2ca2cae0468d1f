"""Images as files: a folder of numbered PNGs, one PNG of all, or arrays; none is left half written under its name."""

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
    """Return the format that a path's suffix stands for: `grid` for .png, `npz`, or a folder of PNGs."""
    formats: dict[str, Format] = {".png": "grid", ".npz": "npz"}
    return formats.get(output.suffix, "png")


def check_free(output: Path, kind: Format, overwrite: bool) -> None:
    """Check that images can be written there, without torch.

    Raises:
        ConfigError: something else is there, or images are and `overwrite` is not set.
    """
    folder = kind == "png"
    if output.exists() and output.is_dir() != folder:
        raise ConfigError(f"{output} is {'no' if folder else 'a'} folder; choose another --output, or --format")
    if output.exists() and not overwrite and (not folder or any(output.iterdir())):
        raise ConfigError(f"{output} {'is not empty' if folder else 'exists'}; choose another --output, or --overwrite")


def write(images: Iterable[np.ndarray], output: Path, kind: Format, columns: int, **arrays: Any) -> None:
    """Write batches of images, (b, h, w, 3) uint8 each; of what was there, numbered pictures are replaced.

    Args:
        images: the batches; a folder's are written one by one, others kept until all are there.
        output: the file or folder.
        kind: `png` for a folder, `grid` for one PNG of rows of `columns`, `npz` for `images` and the other arrays.
        columns: of the grid.
        arrays: what an .npz has besides.
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
