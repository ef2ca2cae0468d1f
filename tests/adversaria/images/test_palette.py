"""Colours and marks of plots, seen by all readers."""

from __future__ import annotations

import re
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pytest

from adversaria.images.palette import COLOURS, LINES, MARKS, OTHERS, style

#: Linear RGB as it is seen with all cones, without those for red, and without those for green (Viénot et al. 1999).
SEEN_BY = {
    "everyone": np.eye(3),
    "protanopes": np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]]),
    "deuteranopes": np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]]),
}


def lightness(colours: np.ndarray) -> np.ndarray:
    """CIE L* of linear RGB, 0 to 100."""
    luminance = colours @ [0.2126, 0.7152, 0.0722]
    return np.asarray(np.maximum(0, 116 * np.cbrt(luminance) - 16))


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.asarray(np.where(values > 0.04045, ((values + 0.055) / 1.055) ** 2.4, values / 12.92))


@pytest.mark.parametrize("seen", SEEN_BY.values(), ids=SEEN_BY)
def test_the_first_colours_differ_in_lightness_for_everyone(seen: np.ndarray) -> None:
    light = [float(lightness(seen @ linear(colour))) for colour in COLOURS[:3]]
    assert all(abs(a - b) > 15 for a, b in combinations(light, 2)), light


def test_neighbours_differ_in_grey_print() -> None:
    light = [float(lightness(linear(colour))) for colour in COLOURS[:5]]
    assert all(abs(a - b) > 15 for a, b in pairwise(light)), light
    assert abs(light[0] - float(lightness(linear(OTHERS)))) > 30  # those with an attribute stand out


def test_no_two_of_many_look_alike() -> None:
    assert len({(s.colour, s.line) for s in map(style, range(28))}) == 28
    assert len({(s.colour, s.mark) for s in map(style, range(77))}) == 77
    assert len(set(LINES)) == 4
    assert len(set(MARKS)) == 11


def test_pages_have_the_same_colours() -> None:
    folder = Path(__file__).resolve().parents[3] / "adversaria" / "report" / "templates"
    css, script = ((folder / name).read_text(encoding="utf-8") for name in ("style.css", "page.js"))
    assert tuple(re.findall(r"--c\d: light-dark\((#\w{6}),", css)) == COLOURS
    assert f"const COLOURS = {len(COLOURS)};" in script
