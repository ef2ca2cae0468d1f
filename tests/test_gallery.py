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


def test_every_system_has_its_picture_on_the_page_and_is_linked_from_the_table_of_systems() -> None:
    assert set(gallery.SYSTEMS) == set(options("model")) == set(SHOWN)
    assert sorted(SHOWN) == sorted(file.stem for file in gallery.FOLDER.iterdir())
    assert re.findall(r"python train\.py model=(\w+)", PAGE) == SHOWN
    systems = (ROOT / "docs" / "systems.md").read_text(encoding="utf-8")
    assert set(re.findall(r"gallery\.md#([\w-]+)", systems)) == {name.replace("_", "-") for name in SHOWN}


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
