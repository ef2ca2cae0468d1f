"""NVIDIA's Multi-Process Service, with which processes use one GPU at the same time and not in turn."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def mps() -> Iterator[None]:
    """Let processes use one GPU at the same time, and not in turn, where NVIDIA's Multi-Process Service is installed.

    The service belongs to this user and this program, and ends with it. No setting of the GPU is changed.
    """
    control = shutil.which("nvidia-cuda-mps-control")
    if control is None or "CUDA_MPS_PIPE_DIRECTORY" in os.environ:  # it may run already
        yield
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder}
        subprocess.run([control, "-d"], check=False)
        try:
            yield
        finally:
            subprocess.run([control], input=b"quit\n", check=False)
            for name in ("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"):
                del os.environ[name]
