"""The pictures of a run, and how they are put into a page."""

from __future__ import annotations

import base64
import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageSequence

from adversaria.config.loaded import MIB, FileError, check_file
from adversaria.report.values import reason_of

LARGEST = 64 * MIB  # bytes of a picture
MOST_PIXELS, MOST_OF_FRAMES = 50_000_000, 300_000_000  # of a picture, of an animation
MOST = 500  # pictures of a run
KINDS = {  # in the order of a report: title and caption
    "samples": ("Samples", "from fixed noise"),
    "evolution": ("Evolution of the samples", "from the same noise after each epoch"),
    "labels": ("Same noise, other label", "a column has one noise vector, a row one label"),
    "reconstructions": ("Reconstructions", "test images over their reconstructions, with the MSE of each"),
    "interpolation": ("Interpolations", "each row is a walk between two noise vectors"),
    "tsne": ("t-SNE of test latents", "each point is an image, each panel an attribute"),
    "domains": ("t-SNE of test features", "of source and target, by class and by domain"),
    "confusion": ("Confusion matrix", "of the target's test images"),
}


#: Kinds that are made of pixels, and are enlarged by whole numbers alone.
OF_PIXELS = ("samples", "evolution", "labels", "reconstructions", "interpolation")


@dataclass(frozen=True)
class Picture:
    """A picture of a run; `kind` is its file's name without the iteration, which the GIF does not have."""

    kind: str
    iteration: int | None
    file: Path
    size: tuple[int, int]

    @property
    def moves(self) -> bool:
        """Whether it is an animation."""
        return self.file.suffix == ".gif"

    @property
    def title(self) -> str:
        """What it shows."""
        return KINDS.get(self.kind, (self.kind.replace("_", " "), ""))[0]

    @property
    def of_pixels(self) -> bool:
        """Whether it is a grid of images, and no plot."""
        return self.kind in OF_PIXELS

    @property
    def caption(self) -> str:
        """How to read it."""
        when = "" if self.iteration is None else f"iteration {self.iteration:,}"
        return ", ".join(filter(None, (KINDS.get(self.kind, ("", ""))[1], when)))


def pictures_in(folder: Path, missing: list[str]) -> list[Picture]:
    """Return the last good picture of each kind, and all of both domains' features; curves are drawn anew instead.

    Args:
        folder: the run folder.
        missing: gets a sentence for each damaged file.
    """
    found: dict[str, Picture] = {}
    for file in _files(folder / "figures"):
        match = re.fullmatch(r"(.+)_(\d+)\.png|samples\.gif", file.name)
        if not match:
            continue
        kind = match[1] or "evolution"
        key = file.name if kind == "domains" else kind
        if key in found or kind == "curves":
            continue
        try:
            found[key] = Picture(kind, int(match[2]) if match[2] else None, file, _checked_size(file))
        except Exception as error:  # whatever Pillow raises for a file that was cut short
            missing.append(f"figures/{file.name} is damaged: it is left out; {reason_of(error)}.")
        if len(found) + len(missing) > MOST:
            break
    order = list(KINDS)
    return sorted(
        found.values(), key=lambda p: (order.index(p.kind) if p.kind in order else len(order), p.kind, p.iteration or 0)
    )


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), reverse=True)
    except OSError:  # there is none, or it is no folder
        return []


def _checked_size(file: Path) -> tuple[int, int]:
    """Return width and height of a picture that can be put into a page.

    Raises:
        FileError: it is too large.
        Exception: it is damaged; Pillow raises errors of many kinds.
    """
    check_file(file, LARGEST, within=file.parent.parent)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # our own bound is below Pillow's
        with Image.open(file, formats=["PNG", "GIF"]) as picture:
            frames, pixels = getattr(picture, "n_frames", 1), picture.width * picture.height
            if pixels > MOST_PIXELS or frames * pixels > MOST_OF_FRAMES:
                raise FileError(f"has {frames * pixels:,} pixels, which are too many for a page")
            picture.seek(frames - 1)
            picture.load()
            return picture.size


def data_uri(picture: Picture) -> str:
    """Return a picture as an address to put into a page: as it is, but animations as WebP, a third of the size."""
    if not picture.moves:
        return uri("png", picture.file.read_bytes())
    buffer = io.BytesIO()
    with Image.open(picture.file, formats=["GIF"]) as image:
        pauses = [frame.info.get("duration", 200) for frame in ImageSequence.Iterator(image)]
        image.save(buffer, "WEBP", save_all=True, quality=85, duration=pauses, loop=0)
    return uri("webp", buffer.getvalue())


def last_frame(picture: Picture) -> str:
    """Return the last picture of an animation as an address: what is printed of it."""
    buffer = io.BytesIO()
    with Image.open(picture.file, formats=["GIF"]) as image:
        image.seek(getattr(image, "n_frames", 1) - 1)
        image.convert("RGB").save(buffer, "WEBP", quality=85)
    return uri("webp", buffer.getvalue())


def thumbnail(pictures: list[Picture]) -> str | None:
    """Return a small version of a run's first picture; of samples a corner, so that single images can be seen."""
    if not pictures:
        return None
    with Image.open(pictures[0].file) as picture:
        image = picture.convert("RGB")
    if pictures[0].kind == "samples":
        image = image.crop((0, 0, image.width // 2, image.height // 2))
    image.thumbnail((192, 192))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=75)
    return uri("webp", buffer.getvalue())


def uri(kind: str, content: bytes) -> str:
    """Return a picture's bytes as an address to put into a page; `kind` is `png` or `webp`."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
