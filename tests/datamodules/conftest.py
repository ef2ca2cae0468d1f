"""Small data sets on disk, in the formats that are published."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

#: The 40 attributes, in the order of the published list.
CELEBA_ATTRIBUTES = [
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
]
#: Number of each image -> its part (0 train, 1 val, 2 test) and the attributes it has.
CELEBA_IMAGES = {
    1: (0, {"Male"}),
    2: (0, {"Smiling", "Young"}),
    3: (1, {"Male", "Smiling"}),
    4: (0, set()),
    5: (2, {"Young"}),
    6: (2, {"Blond_Hair"}),
}


@pytest.fixture
def celeba_attributes() -> list[str]:
    return list(CELEBA_ATTRIBUTES)


@pytest.fixture
def write_celeba() -> Callable[..., Path]:
    """Write six images and the two lists into `folder`; by default side by side, the images as files."""

    def write(
        folder: Path,
        size: tuple[int, int] = (178, 218),
        archive: bool = False,
        subfolders: tuple[str, str, str] = ("", "", ""),
    ) -> Path:
        images, attributes, partition = (folder / sub for sub in subfolders)
        for place in (images / "img_align_celeba", attributes, partition):
            place.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        for number in CELEBA_IMAGES:
            coarse = Image.fromarray(rng.integers(0, 256, (12, 10, 3), dtype=np.uint8))
            coarse.resize(size, Image.Resampling.BICUBIC).save(images / f"img_align_celeba/{number:06d}.jpg")
        rows = [
            " ".join([f"{number:06d}.jpg", *(f"{1 if a in has else -1:2d}" for a in CELEBA_ATTRIBUTES)])
            for number, (_, has) in CELEBA_IMAGES.items()
        ]
        header = [str(len(rows)), " ".join(CELEBA_ATTRIBUTES) + " "]
        (attributes / "list_attr_celeba.txt").write_text("\n".join([*header, *rows]) + "\n", encoding="utf-8")
        parts = [f"{number:06d}.jpg {part}" for number, (part, _) in CELEBA_IMAGES.items()]
        (partition / "list_eval_partition.txt").write_text("\n".join(parts) + "\n", encoding="utf-8")
        if archive:
            _pack(images / "img_align_celeba")
        return folder

    return write


def _pack(folder: Path) -> None:
    """Replace a folder by a zip archive of it, compressed as the published one."""
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{folder.name}/", "")
        for file in sorted(folder.iterdir()):
            archive.write(file, f"{folder.name}/{file.name}")
            file.unlink()
    folder.rmdir()


@pytest.fixture
def celeba_root(write_celeba: Callable[..., Path], tmp_path: Path) -> Path:
    """A folder with six CelebA images of 178x218 and both lists."""
    return write_celeba(tmp_path / "data")
