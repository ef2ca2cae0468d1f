"""What can be done next with a run, as commands for the shell that it was started from."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import adversaria
from adversaria.config.command_lines import pasteable


def next_steps(folder: Path, model: type) -> dict[str, str]:
    """Return the commands that a run has a use for, by what they do, with paths relative to the current folder.

    Args:
        folder: the run folder.
        model: the class of its model; images can be generated only by one that samples.
    """
    run, python = shown(folder), _python()
    commands = {"pictures": [_viewer(), shown(folder / "figures")]} if any(folder.glob("figures/*")) else {}
    commands["report"] = [python, _entry("report.py"), run]
    if hasattr(model, "sample") and hasattr(model, "noise"):
        commands["generate"] = [python, _entry("generate.py"), run]
        commands["explore"] = [python, _entry("explore.py"), run]
    if (folder / "tensorboard").is_dir():
        commands["curves"] = [python, "-m", "tensorboard.main", "--logdir", run]
    return {what: pasteable(*words) for what, words in commands.items()}


def shown(path: Path) -> str:
    """Return a path as people read it: relative where it is in the current folder."""
    return os.path.relpath(path) if path.absolute().is_relative_to(Path.cwd()) else str(path.absolute())


def _entry(name: str) -> str:
    return shown(Path(adversaria.__file__).parents[1] / name)


def _python() -> str:
    """Return `python` where the shell finds this interpreter by that name, else its path."""
    here = Path(sys.executable)  # not resolved: the interpreter of an environment is a link to that of the system
    found = shutil.which("python")
    return "python" if found and Path(found).parent.resolve() == here.parent.resolve() else shown(here)


def _viewer() -> str:
    """Return the command that opens a folder on this machine, or lists it where there is no screen."""
    if sys.platform in ("darwin", "win32"):
        return "open" if sys.platform == "darwin" else "explorer"
    screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return "xdg-open" if screen and shutil.which("xdg-open") else "ls"
