"""What a damaged checkpoint makes Lightning raise while it restores a run, in one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from adversaria.config.errors import CheckpointError, UserError, first_line

#: Modules whose functions `restore…` and `resume…` take over the parts of a checkpoint. The first is Lightning's; if it
#: is renamed, a damaged part ends in a traceback, which a test notices.
RESTORING = (
    "pytorch_lightning.trainer.connectors.checkpoint_connector",
    "adversaria.runs.random_state",
    "lightning_modules.scalars",
)


@contextlib.contextmanager
def restoring(checkpoint: str | None) -> Iterator[None]:
    """Say of an error that is raised while a checkpoint is restored which checkpoint it is.

    Raises:
        CheckpointError: there was such an error. Others are passed on as they are.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if checkpoint is None or not _while_restoring(error.__traceback__):
            raise
        raise CheckpointError(
            f"cannot go on from {checkpoint}: it is damaged ({type(error).__name__}: {first_line(error)}); "
            "ckpt_path=auto takes the newest undamaged one"
        ) from error


def _while_restoring(trace: Any) -> bool:
    while trace is not None:
        code, module = trace.tb_frame.f_code, trace.tb_frame.f_globals.get("__name__")
        if module in RESTORING and code.co_name.startswith(("restore", "resume")):
            return True
        trace = trace.tb_next
    return False
