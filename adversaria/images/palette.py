"""Colours, lines and marks of all plots: told apart by colour-blind readers and in grey print.

The colours are those of Okabe and Ito (Color Universal Design, 2008), without the yellow, which is hardly seen on
white; the first five differ from their neighbours in lightness too. No plot relies on them alone: each line has its own
pattern, each kind of point its own mark.
"""

from __future__ import annotations

from typing import NamedTuple

COLOURS = ("#0072B2", "#E69F00", "#000000", "#56B4E9", "#D55E00", "#009E73", "#CC79A7")
LINES = ("-", "--", ":", "-.")
MARKS = ("o", "^", "s", "D", "v", "P", "X", "<", ">", "*", "p")
OTHERS = "#C3C9D0"  # of what stands behind: those that lack an attribute, unknown classes


class Style(NamedTuple):
    """How one of several curves or kinds of points is drawn."""

    colour: str
    line: str
    mark: str


def style(number: int) -> Style:
    """Return the style of the n-th of several, from 0 on; 308 differ."""
    return Style(COLOURS[number % len(COLOURS)], LINES[number % len(LINES)], MARKS[number % len(MARKS)])
