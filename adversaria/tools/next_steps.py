"""What can be done next with a run, as commands for the shell that it was started from."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from adversaria.config.command_lines import pasteable, python, script_command, shown


def next_steps(folder: Path, model: type) -> dict[str, str]:
    """Return the commands that a run has a use for, by what they do, with paths relative to the current folder.

    Args:
        folder: the run folder.
        model: the class of its model; images can be generated only by one that samples.
    """
    run = shown(folder)
    commands = {"pictures": pasteable(_viewer(), shown(folder / "figures"))} if any(folder.glob("figures/*")) else {}
    commands["report"] = script_command("report.py", run)
    if hasattr(model, "sample") and hasattr(model, "noise"):
        commands["generate"] = script_command("generate.py", run)
        commands["explore"] = script_command("explore.py", run)
    if (folder / "tensorboard").is_dir():
        commands["curves"] = pasteable(python(), "-m", "tensorboard.main", "--logdir", run)
    return commands


def _viewer() -> str:
    """Return the command that opens a folder on this machine, or lists it where there is no screen."""
    if sys.platform in ("darwin", "win32"):
        return "open" if sys.platform == "darwin" else "explorer"
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return "xdg-open" if screen and shutil.which("xdg-open") else "ls"
