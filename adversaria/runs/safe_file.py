"""The header of a `.safetensors` file: numbers of weights and one text, so that nothing in such a file can run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from adversaria.config.loaded import MIB, FileError, check_file, check_plain

SUFFIX = ".safetensors"
ENTRY = "adversaria"  # of the metadata: what rebuilds the module
LARGEST = 2**40  # bytes of a file
LARGEST_HEADER = 4 * MIB  # some 100 bytes a tensor


def read_entry(file: Path) -> Any:
    """Return what rebuilds the module, as plain data, without reading the weights.

    Raises:
        FileError: it is not there, or the file is damaged or of another kind.
    """
    check_file(file, LARGEST)
    with file.open("rb") as stream:
        size = int.from_bytes(stream.read(8), "little")
        if size > LARGEST_HEADER:
            raise FileError(f"is damaged, or has more than {LARGEST_HEADER / MIB:.0f} MiB beside its weights")
        header = stream.read(size)
    try:
        return check_plain(json.loads(json.loads(header)["__metadata__"][ENTRY]))
    except FileError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError("is damaged, or was not written by this project") from error
