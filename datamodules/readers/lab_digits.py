"""The layout of the digits in the lab reports: `digits/<set>/{train,test}/*.png` with `train.csv` and `test.csv`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from adversaria.config.errors import DataError
from adversaria.config.types import FractionBelowOne, NonNegativeInt
from datamodules.readers.digits import PARTS, DigitArrays, DigitReader
from datamodules.readers.image_files import ImageFiles
from datamodules.readers.sheets import DIGITS
from datamodules.readers.tables import ImageNames, is_image_row, read_table


class LabDigits(DigitReader):
    """One set of the lab's digits: `{train,test}/*.png` and `{train,test}.csv` (`image_name,label`).

    The reader looks in `root/digits/<subset>` and `root/<subset>`.

    Args:
        root: folder that contains the sets.
        subset: name of the set's folder, such as `usps`, `mnistm` or `svhn`.
        val_fraction: fraction of the training images that is held out for validation; at least one image.
        margin: pixels to cut off at each side before resizing.
    """

    layouts = "train/*.png with train.csv and test/*.png with test.csv"
    cure = "set data.root to the folder that has digits/"

    def __init__(
        self, root: str, subset: str, val_fraction: FractionBelowOne = 0.08, margin: NonNegativeInt = 0
    ) -> None:
        super().__init__(root, val_fraction, margin)
        self.name, self.folders = f"lab_{subset}", (f"digits/{subset}", subset)

    def files(self) -> dict[str, list[Path]]:
        """Return the CSV table and the folder of images of each part."""
        return {part: [self._find(f"{part}.csv"), self._find(part)] for part in PARTS}

    def load(self, part: str) -> DigitArrays:
        """Read the table; the images are opened one by one, in its order."""
        table, folder = self.files()[part]
        images, labels = ImageNames(table), []
        for number, (line, cells) in enumerate(read_table(table)):
            if number == 0 and len(cells) == 2 and not is_image_row(cells):
                continue  # titles
            if len(cells) != 2 or cells[1] not in DIGITS:
                raise DataError(f"{table}, line {line}: expected image_name,label with a label from 0 to 9")
            images.add(cells[0], line)
            labels.append(int(cells[1]))
        return DigitArrays(ImageFiles(folder, images.names, self.root, table), np.array(labels, dtype=np.int64))
