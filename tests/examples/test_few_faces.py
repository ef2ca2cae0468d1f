"""The small set that examples/few_faces.py writes is one that the reader of CelebA reads."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from datamodules.readers.celeba import CelebA

FILE = Path(__file__).resolve().parents[2] / "examples" / "few_faces.py"


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("few_faces", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_has_faces_with_the_attribute_and_their_pixels(script: Any, tmp_path: Path, capsys) -> None:
    root, few = tmp_path / "celeba", tmp_path / "few"
    root.mkdir()
    parts = [0, 0, 0, 0, 1, 1, 2, 2]
    has = [1, -1, 1, 1, 1, -1, 1, 1]
    with zipfile.ZipFile(root / "img_align_celeba.zip", "w") as archive:
        for number in range(8):
            stream = io.BytesIO()
            Image.new("RGB", (20, 24), (30 * number, 0, 0)).save(stream, "png")
            archive.writestr(f"img_align_celeba/{number}.jpg", stream.getvalue())
    rows = [f"{number}.jpg  1 {has[number]:2d}" for number in range(8)]
    (root / "list_attr_celeba.txt").write_text("\n".join(["8", "Male Eyeglasses", *rows]), encoding="utf-8")
    (root / "list_eval_partition.txt").write_text(
        "\n".join(f"{number}.jpg {part}" for number, part in enumerate(parts)), encoding="utf-8"
    )
    script.main(["--root", str(root), "--output", str(few), "--count", "2"])
    assert capsys.readouterr().out == "{'train': 2, 'val': 1, 'test': 2}\n"
    reader = CelebA(str(few))
    assert {split: part.names for split, part in reader.splits().items()} == {
        "train": ["0.jpg", "2.jpg"],
        "val": ["4.jpg"],
        "test": ["6.jpg", "7.jpg"],
    }
    assert np.array_equal(reader.read("6.jpg", 8), CelebA(str(root)).read("6.jpg", 8))
    with pytest.raises(SystemExit):
        script.main(["--root", str(root), "--output", str(few)])
    assert "exists; choose another" in capsys.readouterr().err
