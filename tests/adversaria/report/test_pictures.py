"""Pictures in pages: grids of pixels are not blurred, and animations keep their pauses."""

from __future__ import annotations

import base64
import io
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from adversaria.report.pictures import Picture, data_uri
from adversaria.report.rendering import render

TEMPLATE_TEST = """<!DOCTYPE html><style>{css}</style><main><figure style="width: {width}px">
<button class="zoom"><img class="pixels" src="{uri}"></button></figure></main>
<dialog id="lightbox"></dialog><button id="theme"></button><script>{script}</script>"""


def test_an_animation_keeps_the_pause_of_each_frame(tmp_path: Path) -> None:
    frames = [Image.fromarray(np.full((8, 8, 3), 60 * n, np.uint8)) for n in range(3)]
    file = tmp_path / "samples.gif"
    frames[0].save(file, save_all=True, append_images=frames[1:], duration=[300, 300, 3000], loop=0)
    uri = data_uri(Picture("evolution", None, file, (8, 8)))
    pauses = []
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as shown:
        for number in range(shown.n_frames):
            shown.seek(number)
            shown.load()
            pauses.append(shown.info["duration"])
    assert pauses == [300, 300, 3000]


def test_grids_alone_are_shown_by_whole_pixels(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("RGB", (12, 6)).save(file)
    macro = '{% from "parts.html" import picture %}{{ picture(shown, "run", "title") }}'
    from adversaria.report.rendering import _environment

    pages = {
        kind: _environment(False).from_string(macro).render(shown=Picture(kind, 1, file, (12, 6)))
        for kind in (
            "samples",
            "labels",
            "reconstructions",
            "interpolation",
            "evolution",
            "tsne",
            "confusion",
            "domains",
        )
    }
    assert [kind for kind, page in pages.items() if 'class="pixels"' not in page] == ["tsne", "confusion", "domains"]
    assert re.search(r"img\.pixels \{[^}]*image-rendering: pixelated", render_style())


def render_style() -> str:
    return (Path(render.__code__.co_filename).parent / "templates" / "style.css").read_text(encoding="utf-8")


@pytest.mark.parametrize(("width", "scale"), [(50, 2), (39, 1), (61, 3)])
def test_a_browser_enlarges_a_grid_by_a_whole_number(tmp_path: Path, width: int, scale: int) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    file = tmp_path / "samples_1.png"
    Image.fromarray(np.tile(np.array([[0, 255], [255, 0]], np.uint8), (10, 10))).save(file)
    script = (Path(render.__code__.co_filename).parent / "templates" / "page.js").read_text(encoding="utf-8")
    page = TEMPLATE_TEST.format(
        css=f"body {{ margin: 0 }} {render_style()} body, main {{ margin: 0; padding: 0 }}",
        width=width,
        script=script,
        uri=data_uri(Picture("samples", 1, file, (20, 20))),
    )
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    shot = tmp_path / "shot.png"
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=200,200"]
    command = [chromium, *flags, f"--screenshot={shot}", (tmp_path / "page.html").as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    seen = np.asarray(Image.open(shot).convert("L"))[: 20 * scale, : 20 * scale]
    assert set(np.unique(seen)) == {0, 255}  # no grey: nothing is blurred
    np.testing.assert_array_equal(seen, np.asarray(Image.open(file)).repeat(scale, 0).repeat(scale, 1))
