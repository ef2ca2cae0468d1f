"""Settings that change the speed of a run and, but for TF32, not its result; most have a switch under `performance`.

`python -m benchmarks --only settings` measures them; docs/speed.md has the values.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # <malloc.h>
_keeps = False


def keep_memory() -> None:
    """Tell glibc's allocator to keep freed memory instead of handing it back to the kernel after every tensor.

    A training step on the CPU allocates and frees the same large activations again and again. By default, the kernel
    maps each of them anew and fills its pages with zeros. Call this before the first large allocation. It does nothing
    without glibc.
    """
    global _keeps
    if not sys.platform.startswith("linux"):
        return
    _keeps = True
    with contextlib.suppress(OSError, AttributeError):  # musl has no mallopt
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def give_memory_back() -> None:
    """Undo `keep_memory`: glibc's allocator is as it is where a program has freed large tensors, and keeps none."""
    global _keeps
    if not _keeps:
        return
    _keeps = False
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_MAX, 1 << 16)  # the default
        libc.mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # this and the next: the end of what it adapts by itself
        libc.mallopt(_M_TRIM_THRESHOLD, 64 << 20)
        libc.malloc_trim(0)


def channels_last(module: nn.Module) -> None:
    """Store the weights of convolutions in the memory format NHWC, as the data modules store images."""
    import torch

    module.to(memory_format=torch.channels_last)


def look_for_gpus_once() -> None:
    """Keep PyTorch from looking for a GPU in each step of Adam where there is none. Call after Lightning is imported.

    Lightning makes PyTorch look by loading the driver's library, which takes up to 0.6 ms to fail.
    """
    import torch

    if not torch.cuda.is_available():
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"


def multiply_in_tf32() -> None:
    """Let a GPU round the numbers that it multiplies in matrix products to TF32: 10 bits of the fraction, not 23.

    PyTorch lets it do so in convolutions anyway. Sums stay float32. This changes results by rounding alone.
    """
    import torch

    if torch.cuda.is_available():  # processors have their own reading of the setting
        torch.set_float32_matmul_precision("high")


def multiplies_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Tell whether this processor has instructions for products of bfloat16 numbers (AMX or AVX512-BF16)."""
    try:
        with cpuinfo.open(encoding="utf-8") as lines:  # one block for each core; the first is enough
            flags = next((line for line in lines if line.startswith("flags")), "")
    except OSError:  # not Linux
        return False
    return not {"amx_bf16", "avx512_bf16"}.isdisjoint(flags.split())


def collect_garbage() -> None:
    """Switch the collector of garbage on, for what is made from now on. Call after the imports; once a process counts.

    Libraries are never garbage, and to look through all that they have made takes half a second each time.
    """
    if not gc.isenabled():  # a later job of a sweep must not keep what an earlier one has left
        gc.freeze()
        gc.enable()


def is_empty(hook: str, owner: object, base: type) -> bool:
    """Tell whether an object has not overridden a hook of its base class, which does nothing."""
    own = vars(owner).get(hook, getattr(type(owner), hook))
    return own is None or own is getattr(base, hook)
