"""Methods: one LightningModule in each file; losses, schedules and networks are apart from them.

`load(path)` rebuilds a trained module from a checkpoint or a run folder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lightning_modules.base import BaseModule

__all__ = ["load"]


def load(path: str | Path, checkpoint: str = "last") -> BaseModule:
    """Rebuild a trained module, without Hydra, in evaluation mode and on the CPU.

    Args:
        path: a checkpoint, or a run folder.
        checkpoint: `last` or `best`, where `path` is a run folder.

    Raises:
        CheckpointError: the file is missing, damaged, or not a checkpoint of this project.
    """
    from lightning_modules.rebuild import load_module

    return load_module(path, checkpoint)
