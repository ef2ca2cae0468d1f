"""The gallery has a small picture of each system, made by its script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from adversaria.config.errors import options
from adversaria.report.pictures import KINDS
from examples import gallery

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")


SHOWN = re.findall(r"images/gallery/(\w+)\.png", PAGE)


def test_the_script_knows_every_system_and_the_page_has_its_picture_or_the_command_for_it() -> None:
    assert set(gallery.SYSTEMS) == set(options("model"))
    assert sorted(SHOWN) == sorted(file.stem for file in gallery.FOLDER.iterdir())
    later = re.findall(r"python examples/gallery\.py outputs/gallery (.+)", PAGE)
    assert {*SHOWN, *(" ".join(later)).split()} == set(gallery.SYSTEMS)
    assert re.findall(r"python train\.py model=(\w+)", PAGE) == SHOWN


@pytest.mark.parametrize("system", SHOWN)
def test_its_picture_is_small_and_of_a_kind_that_runs_have(system: str) -> None:
    file = gallery.FOLDER / f"{system}.png"
    assert file.stat().st_size < 100_000
    with Image.open(file) as picture:
        assert picture.format == "PNG"
        assert 200 < picture.width <= gallery.WIDEST
    assert gallery.SYSTEMS[system][0] in KINDS


@pytest.mark.parametrize("system", gallery.SYSTEMS)
def test_its_run_can_be_composed_and_needs_no_files(system: str, compose) -> None:
    _, *settings = gallery.SYSTEMS[system]
    assert settings[0] in ("data=digits", "data=digits_mnist5k")  # which come with the packages
    compose(f"model={system}", *settings)  # it raises where a key or a choice is not there
