"""NVIDIA's Multi-Process Service, with which processes use one GPU at the same time and not in turn."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from typing import Any

CONTROL = "nvidia-cuda-mps-control"  # the program that starts the service and ends it
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"  # environment variables: folders of the service

#: A shell's commands: wait until the process at the other end of standard input is gone, however that came about.
END = 'read -r _; echo quit | "$0"; rm -rf "$1"'
_ends: list[subprocess.Popen[bytes]] = []  # kept, as their standard input would be closed with them


def share_gpu() -> str:
    """Start the service for the processes that this one starts from now on, and let it end with this process.

    It belongs to this user and this process. No setting of the GPU is changed. One that runs already is used.

    Returns:
        Why it does not run; an empty text if it does.
    """
    if PIPES in os.environ:
        return ""
    if (control := shutil.which(CONTROL)) is None:
        return f"there is no {CONTROL} in the PATH"
    folder = tempfile.mkdtemp(prefix="mps-")
    service = {PIPES: folder, LOGS: folder}
    # no pipes for what it prints: it would hold them open
    quiet: Any = {"env": os.environ | service, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if status := subprocess.run([control, "-d"], **quiet, check=False).returncode:
        shutil.rmtree(folder)
        return f"`{CONTROL} -d` ended with status {status}"
    end = ["sh", "-c", END, control, folder]
    _ends.append(subprocess.Popen(end, stdin=subprocess.PIPE, start_new_session=True, **quiet))
    os.environ |= service
    return ""


def share_no_more() -> None:
    """Forget the service, which ends where this process replaces itself by another program; that may start its own."""
    for name in (PIPES, LOGS) if _ends else ():
        os.environ.pop(name, None)
