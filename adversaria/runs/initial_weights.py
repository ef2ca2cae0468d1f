"""The trained weights that a new run starts from, `init_from`: found and checked before torch is imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adversaria.config.errors import CheckpointError
from adversaria.config.loaded import FileError
from adversaria.runs import run_folder
from adversaria.runs.archive import check_archive
from adversaria.runs.safe_file import SUFFIX, read_entry

KEY = "init_from"


def check(config: Mapping[str, Any]) -> None:
    """Check that the weights which a new run is to start from are there, and that their file is harmless and whole.

    Args:
        config: a plain configuration.

    Raises:
        CheckpointError: they are not.
    """
    file = file_of(config)
    if file is None:
        return
    try:
        if file.suffix == SUFFIX:
            read_entry(file)
        else:
            check_archive(file)
    except FileError as error:
        raise CheckpointError(f"{KEY}={config[KEY]}: {file} {error}; choose another checkpoint") from error


def file_of(config: Mapping[str, Any]) -> Path | None:
    """Return the checkpoint that a run starts from: RUN is its last one, `RUN/best` its best.

    None where there is none to start from: the run goes on from a checkpoint of its own, which has its weights.

    Raises:
        CheckpointError: there is no such checkpoint.
    """
    if not config.get(KEY) or config.get("ckpt_path"):
        return None
    path, name = Path(config[KEY]).expanduser(), "last"
    if path.name in ("last", "best") and not path.exists():
        path, name = path.parent, path.name
    try:
        return run_folder.find(path, name)[1]
    except CheckpointError as error:
        raise CheckpointError(f"{KEY}={config[KEY]}: {error}") from error
