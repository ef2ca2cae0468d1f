"""The folder of a run: `outputs/<name>/<timestamp>_<short id>/`, new for each run, the same again for a resumed one."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from adversaria.config.command_lines import override, pasteable, resume_command
from adversaria.config.errors import CheckpointError, DataError, UserError, first_line
from adversaria.config.sense import check_name
from adversaria.runs import hub, processes, zoo
from adversaria.runs.file_lock import file_lock
from adversaria.runs.record import CONFIG


def experiment_name(experiment: str | None, model: str, data: str) -> str:
    """Name a run by its experiment, or by model and data: `report_a/vae`, `vae_celeba`."""
    return experiment or f"{model}_{data}"


def run_dir(output_root: str, name: str) -> str:
    """Return a fresh folder for a run, the same for all processes of a launch; see `check_new`.

    Args:
        output_root: folder of all runs.
        name: name of the experiment; runs of one experiment share a folder.
    """
    check_name(name)
    fresh = processes.launch() or f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{secrets.token_hex(3)}"
    return str(Path(output_root) / name / fresh)


def check_new(folder: Path) -> None:
    """Check that a folder has no run in it, for a run that is to start there.

    All processes of a launch look before any of them writes: the first one begins when all have met.

    Raises:
        CheckpointError: it has one.
    """
    if not processes.is_first() and processes.launch() is None:
        return  # started by the first one, which has checked it
    if any((folder / name).exists() for name in (CONFIG, "checkpoints")):
        raise CheckpointError(
            f"{folder} has a run already, and a new run never replaces it; continue it with "
            f"{resume_command(folder)}, or give this start another folder: torchrun --rdzv-id=ANOTHER, name=ANOTHER, "
            "or hydra.run.dir=ANOTHER"
        )


def check_data(folder: Path | None, data: Mapping[str, Any]) -> None:
    """Check that what a run calls by a relative path is there, where it can tell where it is instead.

    Args:
        folder: the run's, which is below the folder where the run was started; None for a checkpoint in no run folder.
        data: the group `data` of its configuration.

    Raises:
        DataError: the path is not here, but above the run's folder.
    """
    missing, cures = [], []
    for key in ("root", "source_root", "target_root"):
        root = data.get(key)
        if folder is None or not root or not isinstance(root, str) or _exists(root):
            continue
        if found := next(filter(_exists, (str(above / root) for above in folder.resolve().parents)), None):
            missing.append(f"data.{key}={root}")
            cures.append(override(f"data.{key}", found))
    if missing:
        where = "is not in this folder" if len(missing) == 1 else "are not in this folder"
        raise DataError(f"{' and '.join(missing)} {where}, but where the run was started; add {pasteable(*cures)}")


def _exists(path: str) -> bool:
    return os.path.exists(path)  # noqa: PTH110 (it may be too long for a name, or none)


def find(path: Path, checkpoint: str) -> tuple[Path | None, Path]:
    """Return the run folder, None for a bare checkpoint, and the checkpoint's file of what a tool was given.

    Args:
        path: a run folder or a checkpoint.
        checkpoint: `last` or `best`, where `path` is a run folder.

    Raises:
        CheckpointError: there is no such file.
    """
    file = weights_file(path, checkpoint)
    if not file.is_file():
        raise CheckpointError(f"there is no checkpoint {file}; give a run folder, outputs/NAME/RUN, or a checkpoint")
    within = file.resolve().parent
    return (within.parent if within.name == "checkpoints" and (within.parent / CONFIG).is_file() else None), file


def weights_file(path: Path, checkpoint: str) -> Path:
    """Return the file with the weights of a run folder, of a model on the hub or of the zoo; any other path as it is.

    Raises:
        CheckpointError: the hub or the zoo has no such model, or the hub cannot be reached.
        ConfigError: the address is wrong, or a package is missing.
    """
    path = zoo.local(hub.local(path))
    if not path.is_dir():
        return path
    file = path / "checkpoints" / f"{checkpoint}.ckpt"
    return path / hub.PUSHED if (path / hub.PUSHED).is_file() and not file.is_file() else file


def discard_if_empty(folder: Path, output_root: Path) -> None:
    """Remove a run folder in which nothing was written, and the folders that are empty then, below `output_root`."""
    with contextlib.suppress(OSError):  # rmdir fails at the first folder that is not empty
        for path in (folder, *folder.parents):
            if output_root.resolve() not in path.resolve().parents:
                break
            path.rmdir()


@contextlib.contextmanager
def discarded_if_empty(folder: Path, output_root: Path) -> Iterator[None]:
    """Remove a run folder after an error that came before anything was written."""
    try:
        yield
    except BaseException:
        discard_if_empty(folder, output_root)
        raise


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process; where nothing comes of it, no file is left.

    Raises:
        CheckpointError: another process is running in it, or it cannot be written to.
    """
    file = folder / ".lock"
    existed = file.exists()
    with contextlib.ExitStack() as stack:
        try:
            state = stack.enter_context(file_lock(file))
        except OSError as error:
            raise CheckpointError(
                f"the run folder {folder} cannot be written to ({error.strerror or first_line(error)}); copy it to a "
                "place where you may write, with cp -r, and use the copy"
            ) from error
        if state == "busy":
            raise CheckpointError(f"another process is running in {folder}; wait for it, or stop it")
        try:
            yield
        except BaseException as error:
            if not existed and (isinstance(error, UserError) or not (folder / CONFIG).exists()):
                file.unlink(missing_ok=True)
            raise
