"""Checkpoints that are written whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from adversaria.config.errors import SavingError
from adversaria.runs.whole_files import cannot_write, free_space, written_whole


class AtomicCheckpointIO(TorchCheckpointIO):
    """Write beside the target, flush to the disk, then rename: a crash or a full disk never costs the last good one.

    Lightning's own writes through the system's temporary folder, from where a rename can be a copy.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        """Save.

        Raises:
            SavingError: the file cannot be written; an earlier one of that name is unchanged.
        """
        path = Path(path)
        try:
            with written_whole(path) as stream:
                torch.save(checkpoint, stream)
                stream.flush()
                os.fsync(stream.fileno())
            _flush_folder(path.parent)
        except (OSError, RuntimeError) as error:  # torch's writer makes a RuntimeError of a full disk
            raise cannot_write(path, error) from error


def check_space(folder: Path, needed: int) -> None:
    """Check that `needed` bytes can be written below a folder.

    Raises:
        SavingError: the disk has less space left.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(folder).free < needed:
        raise SavingError(
            f"the checkpoints of this run need {needed / 1e6:.0f} MB in {folder}, and {free_space(folder)}; "
            "make room, or choose another output_root"
        )


def _flush_folder(folder: Path) -> None:
    """Make a rename last through a loss of power."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
