"""Finding the checkpoint that a command line names: a path, or `last`, `best` or `auto` among the runs of a folder."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from adversaria.config.errors import CheckpointError
from adversaria.config.loaded import FileError
from adversaria.runs.archive import check_archive

LAST = "last.ckpt"


def newest_intact(runs: Iterable[Path], accepted: Callable[[Path], bool] = lambda run: True) -> Path | None:
    """Return the newest undamaged checkpoint of some runs; name the damaged ones.

    Args:
        runs: folders, of which some may have no run.
        accepted: whether the run in a folder is one to look at.
    """
    files = (file for run in runs for file in run.glob("checkpoints/*.ckpt"))
    for file in _newest_first(files):
        if not accepted(file.parent.parent):
            continue
        if is_intact(file):
            return file
        print(f"{file} is damaged; looking for an older one", file=sys.stderr)
    return None


def is_intact(file: Path) -> bool:
    """Tell whether a checkpoint is complete, by the checksums of the archive that it is."""
    try:
        check_archive(file)
    except FileError:
        return False
    return True


def newest(name: str, folder: Path, pattern: str = "*") -> Path:
    """Return the checkpoint `last` or `best` that was written last.

    Args:
        name: `last` or `best`.
        folder: of the runs.
        pattern: where the run folders are in it; `**` for all below it.

    Raises:
        CheckpointError: there is none.
    """
    found = _newest_first(folder.glob(f"{pattern}/checkpoints/{name}.ckpt"))
    if not found:
        raise CheckpointError(
            f"ckpt_path={name}: no run under {folder} has checkpoints/{name}.ckpt; "
            "give the model, data or experiment of the run to resume, or the path of a checkpoint"
        )
    return found[0]


def _newest_first(files: Iterable[Path]) -> list[Path]:
    return sorted(files, key=lambda file: file.stat().st_mtime_ns, reverse=True)


def checkpoint_file(path: str) -> Path:
    """Return the existing checkpoint of a checkpoint's path or a run folder.

    Raises:
        CheckpointError: there is none.
    """
    file = Path(path).expanduser()
    file = file / "checkpoints" / LAST if file.is_dir() else file
    if not file.is_file():
        raise CheckpointError(f"ckpt_path={path}: there is no file {file}; give last, best or an existing path")
    return file
