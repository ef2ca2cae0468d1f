"""Where a run ran: versions, device, command, and the state of the git checkout."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.command_lines import current_arguments, from_python

if TYPE_CHECKING:
    import pytorch_lightning as pl

PACKAGES = (
    "torch",
    "torchvision",
    "pytorch-lightning",
    "torchmetrics",
    "hydra-core",
    "omegaconf",
    "numpy",
    "scikit-learn",
)


def environment_of(trainer: pl.Trainer) -> dict[str, Any]:
    """Return versions, device, command and the state of the git checkout.

    The command of a start from Python is the command line that does the same.
    """
    import torch

    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "command": ["train.py", *current_arguments()] if from_python() else sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{package: version(package) for package in PACKAGES},
        "device": f"{device.type} ({name})",
        "processes": trainer.world_size,
        "threads": torch.get_num_threads(),
        "precision": str(trainer.precision),
        **git_state(Path(__file__).parent),
    }


def git_state(folder: Path) -> dict[str, Any]:
    """Return `git_commit` and `git_dirty`, None where the code is not in a git checkout.

    Only what can change a result counts: nothing in the folders of runs and documents, and of new files only code and
    configurations.
    """
    commands = (
        ("rev-parse", "HEAD"),
        ("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)outputs", ":(top,exclude)docs"),
        ("ls-files", "--others", "--exclude-standard", "--", ":/*.py", ":/*.yaml"),
    )
    try:
        commit, changed, new = (
            subprocess.run(["git", *args], cwd=folder, capture_output=True, check=True, timeout=10).stdout
            for args in commands
        )
    except (OSError, subprocess.SubprocessError):
        return {"git_commit": None, "git_dirty": None}
    return {"git_commit": commit.decode("ascii").strip(), "git_dirty": bool(changed or new)}
