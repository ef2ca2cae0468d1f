"""A folder of pictures that any program made, to be measured: listed, checked and read at one size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from adversaria.config.errors import DataError
from datamodules.readers.files import IMAGE_SUFFIXES, read_file
from datamodules.readers.listing import limited, list_folder

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image


class Pictures:
    """The pictures in a folder and in the folders in it, by name, in which numbers count: `9.png` before `10.png`.

    Args:
        folder: the folder; nothing is written to it.
        option: the option that named it, for errors.
        needed: how many pictures it must have.

    Raises:
        DataError: it is no folder, cannot be read, or has fewer.
    """

    def __init__(self, folder: Path, option: str, needed: int) -> None:
        self.folder, self.needed = folder, needed
        self._place = f"{option} {folder}"
        if not folder.is_dir():
            raise DataError(f"{self._place}: there is no such folder; give a folder of pictures")
        names = (name for name, _ in limited(list_folder(folder), folder))
        self.names = sorted((name for name in names if name.lower().endswith(IMAGE_SUFFIXES)), key=_order)
        self.unreadable: list[str] = []  # of those that were left out: why
        self._check_count()

    def __len__(self) -> int:
        """The number of pictures, as far as is known by now without those that cannot be read."""
        return len(self.names) - len(self.unreadable)

    def side(self) -> int:
        """Return the shorter side of the first picture that can be read, in pixels."""
        return min(self._first()[1].size)

    def check_size(self, size: int) -> None:
        """Check the size of the first picture that can be read, before anything heavy is imported.

        Raises:
            DataError: it is not (size, size); or none can be read.
        """
        self._check_size(*self._first(), size)

    def batches(self, size: int, resize: bool, batch_size: int) -> Iterator[np.ndarray]:
        """Yield the pictures that can be read, (b, size, size, 3) uint8; `unreadable` then tells of the others.

        Args:
            size: side in pixels.
            resize: whether to cut the centre square of a picture of another size and to resize it, bilinear and
                antialiased as the images of a data set are.
            batch_size: pictures at a time.

        Raises:
            DataError: a picture has another size, or too few can be read.
        """
        import numpy as np

        batch: list[np.ndarray] = []
        self.unreadable = []
        with ThreadPoolExecutor() as pool:
            for start in range(0, len(self.names), batch_size):
                names = self.names[start : start + batch_size]
                for read in pool.map(lambda name: self._read(name, size, resize), names):
                    if isinstance(read, DataError):
                        self.unreadable.append(_reason(read))
                    else:
                        batch.append(read)
                if len(batch) >= batch_size:
                    yield np.stack(batch[:batch_size])
                    del batch[:batch_size]
        if batch:
            yield np.stack(batch)
        self._check_count()

    def _first(self) -> tuple[str, Image.Image]:
        error = None
        for name in self.names:
            try:
                return name, self._decode(name)
            except DataError as damaged:
                error = error or damaged
        raise DataError(f"{self._place}: none of its {len(self.names)} pictures can be read; {_reason(error)}")

    def _decode(self, name: str) -> Image.Image:
        from datamodules.readers.decoding import MAX_FILE, decode

        return decode(read_file(self.folder / name, MAX_FILE), str(self.folder / name))

    def _read(self, name: str, size: int, resize: bool) -> np.ndarray | DataError:
        import numpy as np

        from datamodules.readers.decoding import MAX_FILE, decode_square

        try:
            if resize:
                return decode_square(read_file(self.folder / name, MAX_FILE), str(self.folder / name), size, crop=1)
            image = self._decode(name)
        except DataError as error:
            return error
        self._check_size(name, image, size)
        return np.asarray(image)

    def _check_size(self, name: str, image: Image.Image, size: int) -> None:
        if image.size != (size, size):
            raise DataError(
                f"{self.folder / name} has {image.width}x{image.height} pixels, and the images of this comparison have "
                f"{size}x{size}; add --resize to cut the centre square of each picture and to resize it"
            )

    def _check_count(self) -> None:
        if len(self) < self.needed:
            found = f"{len(self) or 'no'} picture{'' if len(self) == 1 else 's'}"
            of_all = f" that can be read, of {len(self.names)}" if self.unreadable else ""
            raise DataError(
                f"{self._place} has {found}{of_all}; {self.needed} or more are needed, and thousands for values that "
                "mean something (JPEG, PNG, WebP, TIFF, BMP or GIF, in folders of any depth)"
            )


def _order(name: str) -> list[tuple[int, str]]:
    """Return what names are sorted by: their texts and numbers in turn."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]


def _reason(error: DataError | None) -> str:
    """Return why a picture cannot be read, without the cure, which is of the images of a data set."""
    return str(error).partition("; ")[0]
