"""Writing images: numbered PNGs, one picture of all, a film, or arrays; an interrupted write leaves no file."""

from __future__ import annotations

import contextlib
import math
import re
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from adversaria.config.errors import ConfigError
from adversaria.images import film

if TYPE_CHECKING:
    import numpy as np

Format = Literal["png", "grid", "npz", "film"]

FORMATS: dict[str, Format] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp"), "grid"),
    **dict.fromkeys((".gif", ".mp4"), "film"),
    ".npz": "npz",
}
PICTURES = {".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}  # what Pillow calls them; others are png
#: Endings of files that are not written; a folder of such a name would surprise.
OTHERS = re.compile(
    r"\.(apng|avif|bmp|dds|emf|eps|exr|hdr|heic|heif|ico|jfif|jp2|jpe|jxl|pcx|pdf|pgm|pnm|ppm|psd|svgz?|tga|tiff?"
    r"|avi|mkv|mov|mpe?g|webm|7z|bz2|gz|rar|tar|tgz|xz|zip|csv|h5|hdf5?|html?|json|mat|md|npy|parquet|pkl|pickle"
    r"|pt2?|pth|ckpt|tsv|txt|yaml|yml)",
    re.IGNORECASE,
)
NUMBERED = re.compile(r"\d{5,}\.png")
MARK = "adversaria generate.py"  # in the PNGs of a folder, by which they are known as ours


def format_of(output: Path) -> Format:
    """Return the format of a path by its suffix: `grid` for a picture, `film`, `npz`, otherwise `png`, a folder.

    Raises:
        ConfigError: the suffix is that of a file that cannot be written.
    """
    if OTHERS.fullmatch(output.suffix):
        raise ConfigError(
            f"--output {output}: give a name that ends in .png, .jpg, .webp, .gif, .mp4 or .npz, or a folder"
        )
    return FORMATS.get(output.suffix.lower(), "png")


def check_output(output: Path, kind: Format, overwrite: bool) -> None:
    """Check that images may be written to a path; this needs no torch.

    Raises:
        ConfigError: a file is where a folder is needed or the reverse; the output exists and `overwrite` is not set;
            or it has numbered pictures that are not ours.
    """
    folder = kind == "png"
    if kind == "film":
        film.check(output)
    if not output.exists():
        return
    if output.is_dir() != folder:
        raise ConfigError(f"{output} is {'not ' if folder else ''}a folder; choose another --output, or --format")
    if not overwrite and (not folder or any(output.iterdir())):
        raise ConfigError(
            f"{output} {'is not empty' if folder else 'exists'}; choose another --output, or add --overwrite"
        )
    for file in _numbered(output) if folder else ():
        if not _is_ours(file):
            raise ConfigError(f"{file} was not written by generate.py; move it away, or choose another --output")


def write_images(images: Iterable[np.ndarray], output: Path, kind: Format, steps: int, **arrays: Any) -> None:
    """Write batches of images, (b, h, w, 3) uint8 each. In an existing folder, only pictures of ours are replaced.

    Args:
        images: the batches. Images for a folder are written one by one, others are collected first.
        output: the file or folder to write.
        kind: `png` for a folder, `grid` for one picture, `film`, or `npz` for an archive with `images` and the other
            arrays.
        steps: number of images in a row; 1 where they are no rows.
        arrays: further arrays for the archive.
    """
    import numpy as np

    output = output.resolve()
    with scratch_beside(output) as scratch:
        if kind == "png":
            _write_folder(images, scratch)
            output.mkdir(exist_ok=True)
            for old in filter(_is_ours, list(_numbered(output))):
                old.unlink()
            for file in scratch.iterdir():
                file.replace(output / file.name)
            return
        together = np.concatenate(list(images))
        if kind == "film":
            film.write(*film.frames(together, steps), scratch)
        elif kind == "grid":
            _write_grid(together, steps, scratch, PICTURES.get(output.suffix.lower(), "png"))
        else:
            with scratch.open("wb") as stream:
                np.savez(stream, images=together, **arrays)
        scratch.replace(output)


@contextlib.contextmanager
def scratch_beside(output: Path) -> Iterator[Path]:
    """Yield where to write a file or folder that is renamed to `output` when it is complete; else it is removed.

    Raises:
        ConfigError: its folder cannot be made: a part of the path is a file, or it is in `/proc`.
    """
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        scratch = tempfile.TemporaryDirectory(prefix=f".{output.name[:60]}.", suffix=".part", dir=output.parent)
    except (FileExistsError, FileNotFoundError) as error:
        raise ConfigError(
            f"--output {output}: nothing can be written into {output.parent} ({error.strerror}); choose another"
        ) from error
    with scratch as folder:
        yield Path(folder) / output.name


def _write_folder(images: Iterable[np.ndarray], folder: Path) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    folder.mkdir()
    mark = PngInfo()
    mark.add_text("Software", MARK)
    for number, image in enumerate(image for batch in images for image in batch):
        Image.fromarray(image).save(folder / f"{number:05d}.png", pnginfo=mark)


def _write_grid(images: np.ndarray, steps: int, file: Path, kind: str) -> None:
    from PIL import Image

    from adversaria.images.grid import grid

    options: dict[str, Any] = {"quality": 95, "subsampling": 0} if kind == "jpeg" else {}
    if kind == "webp":
        options["lossless"] = True
    columns = steps if steps > 1 else math.ceil(math.sqrt(len(images)))
    Image.fromarray(grid(images, columns)).save(file, kind, **options)


def _numbered(folder: Path) -> Iterator[Path]:
    return (file for file in folder.iterdir() if NUMBERED.fullmatch(file.name))


def _is_ours(file: Path) -> bool:
    """Tell whether a numbered picture is one that generate.py wrote."""
    from PIL import Image

    try:
        if not file.is_file():  # a pipe would be waited for
            return False
        with Image.open(file, formats=["PNG"]) as picture:
            return picture.info.get("Software") == MARK
    except Exception:  # whatever a damaged file makes Pillow raise
        return False
