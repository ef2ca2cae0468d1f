"""Reference files: what is kept of real images to measure others against, without the images themselves.

Such a file is an .npz of numbers and one text. It may come from anybody: it is read without pickles, and every size,
type and number in it is checked. This module imports no torch, so that a wrong file is refused at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError, DataError, first_line
from adversaria.config.loaded import FileError, check_file, check_plain
from adversaria.runs.whole_files import written_whole
from adversaria.runs.wording import readable

if TYPE_CHECKING:
    import numpy as np

FORMAT = "adversaria reference 1"
LARGEST = 1 << 28  # bytes of the file, and of each of its arrays
LARGEST_FEATURE = 1e6  # those of our extractors are below 1e3; larger ones would overflow where they are multiplied
LONGEST = 200  # letters of a text
ABOUT = {"count": int, "image_size": int, "extractor": dict, "protocol": dict}  # what is no array
ARRAYS = ("total", "products", "features")


@dataclass(frozen=True)
class Reference:
    """What a reference file holds.

    Attributes:
        count: number of images, n.
        image_size: their side in pixels.
        extractor: the part of the protocol that is about the extractor of the features.
        protocol: the part of the protocol that is about the images.
        total: sum of the features of all images, (d,) float64.
        products: sum of the products of each two features, (d, d) float64.
        features: (m, d) float32, of all images or of m of them, evenly spaced.
    """

    count: int
    image_size: int
    extractor: dict[str, Any]
    protocol: dict[str, Any]
    total: np.ndarray = field(repr=False)
    products: np.ndarray = field(repr=False)
    features: np.ndarray = field(repr=False)


def check_output(file: Path) -> None:
    """Check that a reference may be written to a path.

    Raises:
        ConfigError: it is not named .npz, or something is there.
    """
    if file.suffix != ".npz":
        raise ConfigError(f"--save-reference {file}: give a name that ends in .npz")
    if file.exists():
        raise ConfigError(f"--save-reference {file}: it exists; choose another name, or remove it")


def write_reference(file: Path, reference: Reference) -> None:
    """Write a reference file, whole or not at all.

    Raises:
        SavingError: it cannot be written.
    """
    import numpy as np

    about = json.dumps({"format": FORMAT, **{name: getattr(reference, name) for name in ABOUT}})
    arrays = {name: getattr(reference, name) for name in ARRAYS}
    with written_whole(file) as stream:
        np.savez(stream, about=np.frombuffer(about.encode(), np.uint8), **arrays)


def read_reference(file: Path, needed: int) -> Reference:
    """Read a reference file that anybody may have written.

    Args:
        file: the file.
        needed: the number of images that it must be of.

    Raises:
        DataError: it is missing, damaged, or no reference file; or it is of fewer images.
    """
    from datamodules.readers.archives import read_npz

    try:
        check_file(file, LARGEST)
        arrays: dict[str, Any] = read_npz(file, ("about", *ARRAYS), LARGEST)
        about = _about(arrays.pop("about"))
        reference = Reference(**about, **arrays)
        _check_numbers(reference)
    except Exception as error:  # whatever a damaged or hostile file raises
        reason = f"it {error}" if isinstance(error, FileError) else first_line(error)
        raise DataError(
            f"--reference {file} cannot be used ({reason}); give a file that evaluate.py wrote with --save-reference"
        ) from error
    if min(reference.count, len(reference.features)) < needed:
        raise DataError(f"--reference {file} is of {len(reference.features)} images; {needed} or more are needed")
    return reference


def _about(text: np.ndarray) -> dict[str, Any]:
    """Return all that is no array, of the types that it must have."""
    if text.dtype.str != "|u1" or text.ndim != 1:
        raise FileError("has no text about its images")
    about = check_plain(json.loads(text.tobytes().decode()))
    if not isinstance(about, dict) or about.pop("format", None) != FORMAT or about.keys() != ABOUT.keys():
        raise FileError("is no reference file, or one of another version")
    if not all(type(value) is ABOUT[name] for name, value in about.items()):
        raise FileError("has a value of another type than it should have")
    for part in (about["extractor"], about["protocol"]):
        if not all(map(_is_short, _leaves(part))):
            raise FileError("has a protocol that is not of numbers and short texts")
        readable(part)  # raises where a value is of another type than that of its key
    if not isinstance(about["extractor"].get("extractor"), str):
        raise FileError("does not name its extractor")
    return about


def _leaves(node: Any) -> Iterator[Any]:
    """Yield all keys and values of nested dictionaries and lists."""
    if isinstance(node, dict | list):
        for item in [*node, *(node.values() if isinstance(node, dict) else ())]:
            yield from _leaves(item)
    else:
        yield node


def _is_short(value: Any) -> bool:
    """Tell whether a value is nothing, a finite number, or a text of one line."""
    if isinstance(value, str):
        return len(value) <= LONGEST and value.isprintable()
    return value is None or (isinstance(value, int | float) and abs(value) < 1e300)


def _check_numbers(reference: Reference) -> None:
    """Check that the arrays fit each other, and have no number that a sum of features cannot have."""
    import numpy as np

    shown, (size,) = reference.features.shape[0], reference.total.shape
    shapes = {"total": (size,), "products": (size, size), "features": (shown, size)}
    for name, shape in shapes.items():
        array = getattr(reference, name)
        if array.shape != shape or array.dtype != (np.float32 if name == "features" else np.float64):
            raise FileError(f"has an array {name} of another shape or type than it should have")
    if not 0 < shown <= reference.count < 2**31 or not 0 < reference.image_size < 2**16:
        raise FileError("has other numbers of images or of pixels than can be")
    limits = {"features": LARGEST_FEATURE, "total": LARGEST_FEATURE * reference.count}
    limits["products"] = LARGEST_FEATURE * limits["total"]
    for name, limit in limits.items():
        if not np.abs(getattr(reference, name)).max(initial=0) <= limit:  # NaN is not
            raise FileError(f"has a number in {name} that is no feature's, or NaN")
