"""The folder of a run: `outputs/<name>/<timestamp>_<short id>/`, new for each run, the same again for a resumed one."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from adversaria.config.errors import CheckpointError
from adversaria.runs import processes
from adversaria.runs.file_lock import file_lock
from adversaria.runs.record import CONFIG
from adversaria.runs.resume import checkpoint_file, newest_intact


def experiment_name(experiment: str | None, model: str, data: str) -> str:
    """Name a run by its experiment, or by model and data: `report_a/vae`, `vae_celeba`."""
    return experiment or f"{model}_{data}"


def run_dir(output_root: str, name: str, ckpt_path: str | None) -> str:
    """Return the folder for a run: a fresh one, or the one that `ckpt_path` continues; the same for all processes.

    Args:
        output_root: folder of all runs.
        name: name of the experiment; runs of one experiment share a folder.
        ckpt_path: None for a new run; `last` or `best` for the newest run of that name; `auto` for the newest undamaged
            checkpoint of that name, or a new run if there is none; or a checkpoint's path.
    """
    if ckpt_path == "auto" and (found := newest_intact(Path(output_root) / name)):
        return str(found.parent.parent)
    if ckpt_path in (None, "auto"):
        fresh = processes.launch() or f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{secrets.token_hex(3)}"
        return str(Path(output_root) / name / fresh)
    return str(checkpoint_file(ckpt_path, Path(output_root) / name).parent.parent)


def find(path: Path, checkpoint: str) -> tuple[Path | None, Path]:
    """Return the run folder, None for a bare checkpoint, and the checkpoint's file of what a tool was given.

    Args:
        path: a run folder or a checkpoint.
        checkpoint: `last` or `best`, where `path` is a run folder.

    Raises:
        CheckpointError: there is no such file.
    """
    file = path / "checkpoints" / f"{checkpoint}.ckpt" if path.is_dir() else path
    if not file.is_file():
        raise CheckpointError(f"there is no checkpoint {file}; give a run folder, outputs/NAME/RUN, or a checkpoint")
    within = file.resolve().parent
    return (within.parent if within.name == "checkpoints" and (within.parent / CONFIG).is_file() else None), file


def discard_if_empty(folder: Path, output_root: Path) -> None:
    """Remove a run folder in which nothing was written, and the folders that are empty then, below `output_root`."""
    with contextlib.suppress(OSError):  # rmdir fails at the first folder that is not empty
        for path in (folder, *folder.parents):
            if output_root.resolve() not in path.resolve().parents:
                break
            path.rmdir()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process.

    Raises:
        CheckpointError: another process is running in it.
    """
    with file_lock(folder / ".lock") as state:
        if state == "busy":
            raise CheckpointError(f"another process is running in {folder}; wait for it, or stop it")
        yield
