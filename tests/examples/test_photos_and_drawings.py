"""examples/photos_and_drawings.py writes two domains of different people, and drawings on which something is seen."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

FILE = Path(__file__).resolve().parents[2] / "examples" / "photos_and_drawings.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(FILE))


@pytest.fixture
def celeba(tmp_path: Path) -> Path:
    """Twelve photos of four people, two of whom smile; four photos in each part."""
    root = tmp_path / "celeba"
    (root / "img_align_celeba").mkdir(parents=True)
    for number in range(12):
        Image.linear_gradient("L").resize((20, 24)).save(root / "img_align_celeba" / f"{number}.jpg", "png")
    lists = {
        "list_attr_celeba.txt": ["12", "Smiling", *(f"{n}.jpg {1 if n % 4 < 2 else -1}" for n in range(12))],
        "list_eval_partition.txt": [f"{n}.jpg {n // 4}" for n in range(12)],
        "identity_CelebA.txt": [f"{n}.jpg {n % 4}" for n in range(12)],
    }
    for name, lines in lists.items():
        (root / name).write_text("\n".join(lines), encoding="utf-8")
    return root


def test_the_people_of_both_domains_are_others(script: dict[str, Any], celeba: Path, tmp_path: Path) -> None:
    arguments = ["--root", str(celeba), "--output", str(tmp_path / "pair"), "--size", "16", "--count", "4"]
    assert script["main"](arguments) == 0
    files = {str(f.relative_to(tmp_path / "pair")): int(f.stem) for f in sorted((tmp_path / "pair").rglob("*.png"))}
    assert sorted(files.values()) == [*range(4), 4, 5, *range(8, 12)]  # a quarter as many for validation, all test
    for file, number in files.items():
        domain, part, label, _ = Path(file).parts
        assert domain == ("photos", "drawings")[number % 2]
        assert part == ("train", "val", "test")[number // 4]
        assert label == ("Smiling" if number % 4 < 2 else "not_Smiling")
    with pytest.raises(SystemExit):
        script["main"](arguments)


@pytest.mark.parametrize("style", ["draw_edges", "draw_poster", "draw_recoloured"])
def test_a_drawing_keeps_dark_and_light_apart(script: dict[str, Any], style: str) -> None:
    photo = np.full((16, 16, 3), 20, np.uint8)
    photo[:, 8:] = 230
    for seed in range(20):
        drawn = script[style](photo, np.random.default_rng(seed)).astype(float).mean(2)
        assert drawn.shape == (16, 16)
        assert abs(drawn[:, 12:].mean() - drawn[:, :4].mean()) > 60, seed
