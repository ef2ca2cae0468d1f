"""Small folders of images with a folder for each class."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

SPLITS = ("train", "val", "test")


def write_classes(folder: Path, classes: Mapping[str, int], count: int = 4, size: int = 8, grey: bool = False) -> str:
    """Write images of some classes, `count` of each in each split; return the folder.

    The red value of a class is the number given, and the green one is that of the image; grey images are of their red.
    """
    for split in SPLITS:
        for name, red in classes.items():
            place = folder / split / name
            place.mkdir(parents=True)
            for number in range(count):
                image = np.full((size, size, 3), (red, red, red) if grey else (red, number, 0), np.uint8)
                Image.fromarray(image).save(place / f"{number:03d}.png")
    return str(folder)
