"""Images of a digit set that are files of their own, and are opened one by one."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from datamodules.readers.decoding import MAX_FILE, decode
from datamodules.readers.files import ImageFolder

log = logging.getLogger(__name__)


class ImageFiles:
    """A sequence of images (h, w, 3) uint8, each opened when it is asked for.

    Args:
        folder: has the files.
        names: of the files, in order.
        root: folder of all the data.
        table: where the names stand, for a warning if it leaves out images of the folder.
    """

    def __init__(self, folder: Path, names: list[str], root: Path, table: Path) -> None:
        self._folder, self._names = ImageFolder(folder, root), names
        warn_of_unlisted(self._folder, names, table)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> np.ndarray:
        """Open an image.

        Raises:
            DataError: it is missing or damaged.
        """
        name = self._names[index]
        return np.asarray(decode(self._folder.read(name, MAX_FILE), str(self._folder.folder / name)))


def warn_of_unlisted(folder: ImageFolder, names: list[str], table: Path) -> None:
    """Say how many images of a folder its table does not name: a table may have been cut short."""
    if unlisted := folder.unlisted(names):
        log.warning(
            "%s names %d images; %d other images in %s are left out", table, len(names), unlisted, folder.folder
        )
