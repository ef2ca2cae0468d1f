"""USPS (Hull 1994), as the LIBSVM page publishes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adversaria.config.errors import DataError
from datamodules.readers.archives import open_packed
from datamodules.readers.digits import DigitArrays, DigitReader

SIDE = 16
NUMBERS = [b"%d" % i for i in range(1, SIDE * SIDE + 1)]  # of the pixels
LONGEST_LINE = 1 << 16  # bytes; a digit takes about 3,000
MOST_LINES = 1 << 20


class USPS(DigitReader):
    """USPS (Hull 1994), as the LIBSVM page publishes it: `usps.bz2` and `usps.t.bz2`; 16×16, grey."""

    name = "usps"
    layouts = "usps.bz2 and usps.t.bz2"
    folders = ("", "usps", "USPS")

    def files(self) -> dict[str, list[Path]]:
        """Return the file of each part."""
        return {"train": [self._find("usps.bz2")], "test": [self._find("usps.t.bz2")]}

    def load(self, part: str) -> DigitArrays:
        """Read the lines `digit+1 1:v … 256:v`, v from -1 to 1, to the same pixels as torchvision."""
        file = self.files()[part][0]
        labels: list[int] = []
        images: list[np.ndarray] = []
        with open_packed(file) as stream:
            for number, line in enumerate(iter(lambda: stream.readline(LONGEST_LINE), b""), 1):
                if line.strip():
                    label, image = _digit(line, f"{file}, line {number}")
                    labels.append(label)
                    images.append(image)
                if number > MOST_LINES:
                    raise DataError(f"{file} has more than {MOST_LINES} lines; fetch it again")
        return DigitArrays(np.array(images, dtype=np.uint8).reshape(-1, SIDE, SIDE), np.array(labels))


def _digit(line: bytes, where: str) -> tuple[int, np.ndarray]:
    """Read a line; torchvision cuts decimals off too."""
    try:
        label, *cells = line.replace(b":", b" ").split()
        values = np.array([*map(float, cells[1::2])], dtype=np.float32)
        if cells[::2] != NUMBERS or not (abs(values) <= 1).all():
            raise ValueError("other values")
        return int(label) - 1, ((values + 1) / 2 * 255).astype(np.uint8)
    except ValueError as error:
        raise DataError(
            f"{where}: expected a label and the pixels 1:v to {SIDE * SIDE}:v, v from -1 to 1; fetch the file again"
        ) from error
