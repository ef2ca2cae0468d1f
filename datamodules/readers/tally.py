"""What was met while images were decoded: their sizes, and what had to be converted."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from typing import Any

Notes = dict[str, Any]  # of a tally: `sizes` and `converted`
#: Pillow's mode -> what people call it; RGB needs no conversion.
MODES = {
    "1": "black and white",
    "L": "grey",
    "P": "with a palette",
    "CMYK": "CMYK",
    **dict.fromkeys(("RGBA", "LA", "PA", "La", "RGBa"), "with transparency"),
    **dict.fromkeys(("I", "I;16", "I;16B", "I;16L"), "of 16 bits"),
}


class Tally:
    """Counts images by what was done to them; several threads add to it at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sizes: list[tuple[int, int]] = []  # the smallest and the largest
        self._converted: Counter[str] = Counter()

    def add(self, size: tuple[int, int], conversions: Iterable[str]) -> None:
        """Add an image: its width and height as stored, and what was converted."""
        with self._lock:
            ordered = sorted([*self._sizes, size], key=lambda s: (s[0] * s[1], s))
            self._sizes = [ordered[0], ordered[-1]]
            self._converted.update(conversions)

    def summary(self) -> Notes:
        """Return `sizes`, the smallest and the largest image as [width, height], and `converted`, counts by kind."""
        sizes = [list(size) for size in self._sizes]
        kinds = sorted(self._converted.items(), key=lambda kind: (-kind[1], kind[0]))
        return {"sizes": sizes, "converted": dict(kinds)}


def checked_notes(notes: Any) -> Notes:
    """Return what a file says that a tally found; nothing where it says nothing.

    Raises:
        ValueError: it is something else.
    """
    sizes, converted = notes.get("sizes", []), notes.get("converted", {})
    numbers = [number for size in sizes for number in size] + list(converted.values())
    if any(type(number) is not int for number in numbers) or any(len(size) != 2 for size in sizes):
        raise ValueError("its notes are not those of a tally")
    return {"sizes": sizes, "converted": converted} if notes else {}
