"""What every run needs and what does not belong to a single method, in rooms:

`config` checks a configuration, `runs` keeps a run's identity, `sweeps` sums up many, `speed` changes the time alone,
`images` and `measures` are shared by callbacks and tools, `tools` is what command lines call, `report` writes pages.
`config` imports no torch, so that `--help` and a wrong configuration are answered at once.

What the command lines do can be called here, too; see `adversaria.tools.api`:

    import adversaria
    run = adversaria.train("model=gan", "data=digits", "trainer.max_epochs=3")
    print(run.metrics, run.folder)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import CheckpointError, ConfigError, DataError, DivergedError, SavingError, UserError

if TYPE_CHECKING:
    from adversaria.tools.api import Run, evaluate, generate, load, open_run, push, sweep, train

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "DivergedError",
    "Run",
    "SavingError",
    "UserError",
    "evaluate",
    "generate",
    "load",
    "open_run",
    "push",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    """Import a function when it is asked for: the parts of this package need nothing of it."""
    if name in __all__:
        return getattr(importlib.import_module("adversaria.tools.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
