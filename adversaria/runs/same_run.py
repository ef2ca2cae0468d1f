"""Which runs of one name `ckpt_path=auto` may go on with: those of the same model and data, with the same settings."""

from __future__ import annotations

import sys
from pathlib import Path

from adversaria.config.command_lines import key_of
from adversaria.config.composition import composition
from adversaria.config.containers import plain
from adversaria.config.errors import CheckpointError
from adversaria.runs import resume

#: Beginnings of keys that may differ from one start of a run to the next.
MAY_DIFFER = ("trainer", "callbacks", "logger", "metrics", "performance", "hydra", "sweep", "test", "objective", "name")
PLACES = ("data.cache_dir", "output_root", "run_dir", "ckpt_path")


class SameRun:
    """Tells whether a run was started with the settings of a command line.

    Only keys that one of the two command lines names are compared: other values are defaults, which may have changed.

    Args:
        overrides: of the command line.
    """

    def __init__(self, overrides: list[str]) -> None:
        composed = composition(*overrides)
        self._choices = composed.choices
        self._config = resume.resolved(composed.config, name="unused", run_dir="unused")
        self._keys = [key_of(o) for o in overrides]
        self._differing: dict[Path, str | None] = {}

    def __call__(self, run: Path) -> bool:
        """Tell whether the run in a folder has the same settings."""
        if run not in self._differing:
            self._differing[run] = self._difference(run)
        return self._differing[run] is None

    def say_why_not(self) -> None:
        """Say on stderr that a new run is started although there are others of its name."""
        others = [(run, key) for run, key in self._differing.items() if key]
        if others:
            run, key = others[0]
            print(
                f"ckpt_path=auto: a new run is started, because no run of its name has the same settings; {run}, the "
                f"newest, has another {key}",
                file=sys.stderr,
            )

    def _difference(self, run: Path) -> str | None:
        """Return the first key in which a run differs, None if there is none."""
        try:
            overrides, choices = resume.recorded(run)
            saved = plain(resume.saved_config(run))
        except CheckpointError:
            return "configuration, which cannot be read"
        for key in dict.fromkeys([*map(key_of, overrides), *self._keys]):
            if key in PLACES or key.replace("/", ".").split(".")[0] in MAY_DIFFER:
                continue
            if key in choices or key in self._choices:
                same = choices.get(key) == self._choices.get(key) or not choices  # it was started from Python
            else:
                then, now = (resume.value_at(config, key) for config in (saved, self._config))
                moved = key == "data.root" and isinstance(then, str) and not Path(then).exists()
                same = then == now or moved
            if not same:
                return key
        return None
