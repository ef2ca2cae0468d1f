"""One run of train.py, of which this process notes what it does when: `python -m benchmarks.timed_run FILE OVERRIDES`.

Seconds of the processor are counted, those of all threads together. They leave out what is waited for, as the turns of
other programs.
"""

from __future__ import annotations

import gc
import json
import runpy
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from unittest import mock

STEP = "run_training_batch"


class Clock:
    """Notes the seconds so far, and how many of them went into imports.

    Attributes:
        marks: (seconds, seconds in imports) by name: `first step`, `last step` and `end`.
        parts: seconds of what Lightning calls, by name, before the first step and after the last one.
    """

    def __init__(self) -> None:
        self.marks: dict[str, tuple[float, float]] = {}
        self.before: dict[str, float] = defaultdict(float)
        self.after: dict[str, float] = defaultdict(float)
        self._imports, self._depth = 0.0, 0
        self._running: dict[str, float] = {}

    def mark(self, name: str) -> None:
        """Note the time."""
        self.marks[name] = time.process_time(), self._imports

    def importing(self, load: Any) -> Any:
        """Return Python's function that loads a module, timed; modules that it loads in turn are in its time."""

        def timed(*arguments: Any) -> Any:
            start, self._depth = time.process_time(), self._depth + 1
            try:
                return load(*arguments)
            finally:
                self._depth -= 1
                self._imports += 0 if self._depth else time.process_time() - start

        return timed

    def start(self, action: str) -> None:
        """Begin a part; Lightning calls this."""
        if action == STEP and "first step" not in self.marks:
            self.mark("first step")
        self._running[action] = time.process_time() - self._imports

    def stop(self, action: str) -> None:
        """End a part; Lightning calls this."""
        if action == STEP:
            self.mark("last step")
            self.after.clear()
        elif action in self._running:
            spent = time.process_time() - self._imports - self._running.pop(action)
            (self.after if "first step" in self.marks else self.before)[action] += spent

    def noted(self) -> dict[str, Any]:
        """Return all that was noted."""
        return {"marks": self.marks, "before": dict(self.before), "after": dict(self.after)}


def main(file: str, overrides: list[str]) -> None:
    """Run train.py with these overrides as its own command does; write what was noted to a JSON file."""
    gc.disable()  # as train.py does for its imports
    clock = Clock()
    bootstrap = sys.modules["_frozen_importlib"]  # each import that is not done yet goes through this function
    with mock.patch.object(bootstrap, "_find_and_load", clock.importing(bootstrap._find_and_load)):
        from pytorch_lightning.profilers import PassThroughProfiler

        from adversaria.speed.unprofiled import Unprofiled

        sys.argv = ["train.py", *overrides]
        with (
            mock.patch.object(Unprofiled, "profile", PassThroughProfiler.profile),
            mock.patch.object(PassThroughProfiler, "start", lambda _, action: clock.start(action)),
            mock.patch.object(PassThroughProfiler, "stop", lambda _, action: clock.stop(action)),
        ):
            try:
                runpy.run_path("train.py", run_name="__main__")
            finally:
                clock.mark("end")
                Path(file).write_text(json.dumps(clock.noted()), encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    main(sys.argv[1], sys.argv[2:])
