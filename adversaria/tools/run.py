"""A run folder from Python."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import CheckpointError
from adversaria.runs.record import CONFIG, METRICS, read_record
from adversaria.tools.in_process import in_process

if TYPE_CHECKING:
    import os


class Run:
    """A run, read from its folder when something is asked for; functions that take the path of a run take it too.

    Attributes:
        folder: the run folder.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder).expanduser().absolute()
        if not (self.folder / CONFIG).is_file():
            raise CheckpointError(f"{self.folder} is not a run folder: it has no {CONFIG}; give outputs/NAME/RUN")

    def __fspath__(self) -> str:
        return str(self.folder)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"

    @property
    def metrics(self) -> dict[str, float | None]:
        """The test metrics by name, such as `test/psnr`; None for one that is not finite. Empty before the test."""
        metrics: dict[str, float | None] = read_record(self.folder / METRICS).get("metrics", {})
        return metrics

    @property
    def figures(self) -> dict[str, Path]:
        """The newest picture of each kind by name, such as `samples`; `evolution` is the animation of them."""
        found = {}
        for file in sorted((self.folder / "figures").glob("*.*")):  # with their iterations in seven digits
            if match := re.fullmatch(r"(.+)_\d+\.png|samples\.gif", file.name):
                found[match[1] or "evolution"] = file
        return found

    @functools.cached_property
    def model(self) -> Any:
        """The trained model, of the last checkpoint, in evaluation mode and on the CPU; it is loaded once."""
        return load(self.folder)

    def report(self) -> Path:
        """Write `report.html`, and `report.md` beside it, into the run folder; return the first."""
        from adversaria.report.pages import write

        with in_process():
            return write([self.folder])[0]


def load(path: str | os.PathLike[str], checkpoint: str = "last") -> Any:
    """Load a trained model, without its data, in evaluation mode and on the CPU.

    Args:
        path: a run folder, or a checkpoint.
        checkpoint: `last` or `best`, where `path` is a run folder.

    Raises:
        CheckpointError: the file is missing, damaged, or not a checkpoint of this project.
    """
    with in_process():
        import lightning_modules
        from adversaria.runs.library_state import for_a_run

        with for_a_run():
            return lightning_modules.load(Path(path).expanduser(), checkpoint)
