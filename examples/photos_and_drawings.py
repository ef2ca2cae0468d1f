"""Make a pair of domains out of CelebA: photos of some people, and drawings of others.

python examples/photos_and_drawings.py --root PATH --output FOLDER --label Smiling

writes FOLDER/photos and FOLDER/drawings, each with train/, val/ and test/, which have a folder for each of two classes.
A photo becomes, at random, a drawing of edges, a poster of a few colours, or a picture in other colours. CelebA's terms
forbid passing its images on, and these are made from them: keep FOLDER to yourself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # to be started from anywhere

from adversaria.config.errors import DataError, one_sentence_errors
from adversaria.images.files import scratch_beside
from datamodules.labels import select_attributes
from datamodules.readers.celeba import CelebA
from datamodules.readers.tables import read_list

DOMAINS = ("photos", "drawings")


def draw_edges(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the edges of a photo as dark lines on paper with a light shading: (s, s, 3) uint8, as all of these."""
    grey = Image.fromarray(photo).convert("L").filter(ImageFilter.GaussianBlur(0.5))
    shade = np.asarray(grey, np.float64)
    lines = np.clip(np.hypot(*np.gradient(shade)) * rng.uniform(4, 8) / 255, 0, 1)[..., None]
    paper, ink = rng.uniform(220, 255, 3), rng.uniform(0, 70, 3)
    wash = paper * (0.55 + 0.45 * shade[..., None] / 255)
    return (wash * (1 - lines) + ink * lines).astype(np.uint8)


def draw_poster(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Smooth a photo, and leave four or five levels of each channel, in random strong colours."""
    smooth = np.asarray(Image.fromarray(photo).filter(ImageFilter.MedianFilter(3)), np.float64) / 255
    levels = int(rng.integers(4, 6))
    stepped = np.floor(np.clip(smooth, 0, 0.999) * levels) / (levels - 1)
    mixed = stepped @ (np.eye(3) + rng.uniform(-0.3, 0.3, (3, 3)))
    return (np.clip(mixed, 0, 1) * 255).astype(np.uint8)


def draw_recoloured(photo: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colour the brightness of a photo by a random scale of three colours: a dark, a middle and a light one."""
    grey = np.asarray(Image.fromarray(photo).convert("L"), np.float64) / 255
    dark, light = rng.uniform(0, 90, 3), rng.uniform(165, 255, 3)
    colours = np.stack([dark, (dark + light) / 2 + rng.uniform(-60, 60, 3), light])
    return np.stack([np.interp(grey, [0, 0.5, 1], colours[:, c]) for c in range(3)], -1).astype(np.uint8)


STYLES = (draw_edges, draw_poster, draw_recoloured)


def people(root: str) -> dict[str, int]:
    """Return the number of the person of each image, from CelebA's list."""
    found = next(Path(root).rglob("identity_CelebA.txt"), None)
    if found is None:
        raise DataError(f"{root} has no identity_CelebA.txt, which says who is in which photo; fetch it with CelebA")
    return {words[0]: int(words[1]) for _, words in read_list(found)}


def write_pair(
    reader: CelebA, person: Mapping[str, int], label: str, folder: Path, size: int, count: int, seed: int
) -> None:
    """Write the pair. Every second person is in the photos; a style is drawn by seed and image.

    Args:
        reader: of CelebA.
        person: the number of the person of each image.
        label: the attribute that divides the classes.
        folder: to write.
        size: side of the images in pixels.
        count: training images of each domain; a quarter of it are for validation, and all that there are for the test.
        seed: of the styles.
    """
    column = reader.attributes().index(label)
    for split, index in reader.splits().items():
        for number, domain in enumerate(DOMAINS):
            chosen = [i for i, name in enumerate(index.names) if person[name] % 2 == number]
            for i in chosen[: {"train": count, "val": count // 4}.get(split)]:
                name = index.names[i]
                image = reader.read(name, size)
                if domain == "drawings":
                    rng = np.random.default_rng([seed, int(Path(name).stem)])
                    image = STYLES[rng.integers(len(STYLES))](image, rng)
                place = folder / domain / split / (label if index.labels[i, column] else f"not_{label}")
                place.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(place / f"{Path(name).stem}.png")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", required=True, help="the folder of CelebA, with identity_CelebA.txt")
    parser.add_argument("--output", type=Path, required=True, help="the folder to write; it must not exist")
    parser.add_argument("--label", default="Smiling", help="the attribute that divides the two classes")
    parser.add_argument("--size", type=int, default=64, help="side of the images in pixels")
    parser.add_argument("--count", type=int, default=6000, help="training images of each domain")
    parser.add_argument("--seed", type=int, default=0, help="of the drawings")
    options = parser.parse_args(arguments)
    with one_sentence_errors():
        reader = CelebA(options.root)
        select_attributes([options.label], reader.attributes(), "--label")
        if options.output.exists():
            parser.error(f"--output {options.output} exists; choose another")
        with scratch_beside(options.output.absolute()) as scratch:
            write_pair(reader, people(options.root), options.label, scratch, options.size, options.count, options.seed)
            scratch.rename(options.output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
