"""Which process of a run this is, whether Lightning, torchrun or Slurm started it; free of torch."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

from adversaria.config.errors import ConfigError

_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>


def is_first() -> bool:
    """Tell whether this process is the one that writes, of those of a run on all its machines."""
    rank = os.environ.get("RANK")  # torchrun's
    if rank is None and int(os.environ.get("SLURM_NTASKS", "1")) > 1:
        rank = os.environ.get("SLURM_PROCID")
    if rank is None:  # of Lightning's own processes all but the first have a rank on their machine
        rank = "1" if os.environ.get("NODE_RANK", "0") != "0" else os.environ.get("LOCAL_RANK", "0")
    return int(rank) == 0


def launch() -> str | None:
    """Name the launch that this process shares with others that torchrun or Slurm started; None if there is none.

    Raises:
        ConfigError: torchrun's has no name, so that its processes cannot agree on a run folder.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        name = os.environ["TORCHELASTIC_RUN_ID"]
        if name == "none":
            raise ConfigError(
                "torchrun: its processes need a common name, to share a run folder; add --standalone, or --rdzv-id=NAME"
            )
        return f"torchrun_{name}" + _restarts("TORCHELASTIC_RESTART_COUNT")
    if int(os.environ.get("SLURM_NTASKS", "1")) > 1 and "SLURM_PROCID" in os.environ:
        step = os.environ.get("SLURM_STEP_ID", "0")
        return f"slurm_{os.environ['SLURM_JOB_ID']}_{step}" + _restarts("SLURM_RESTART_COUNT")
    return None


def _restarts(variable: str) -> str:
    """Tell a launch that is started again from the first one, whose folder it must not take."""
    count = os.environ.get(variable, "0")
    return "" if count == "0" else f"_restart_{count}"


def end_with_parent() -> None:
    """Let the kernel end a process that Lightning started when the first one is gone, however that came about."""
    started_by_lightning = "LOCAL_RANK" in os.environ and "TORCHELASTIC_RUN_ID" not in os.environ
    if started_by_lightning and "SLURM_PROCID" not in os.environ and sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL("libc.so.6").prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
