"""What changes the speed of a run and not its result; settings have their switch under `performance`.

Measured by `python -m benchmarks --only settings`; docs/speed.md has the values.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytorch_lightning as pl
    from torch import nn

HOOKS_OF_A_STEP = (
    *("on_train_batch_start", "on_train_batch_end", "on_before_backward", "on_after_backward"),
    *("on_before_optimizer_step", "on_before_zero_grad"),
)
_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # <malloc.h>


def keep_memory() -> None:
    """Tell glibc's allocator to keep freed memory instead of handing it back to the kernel after every tensor.

    A CPU training step allocates and frees the same large activations again and again; by default each goes through
    mmap/munmap and is zeroed page by page. Call before the first large allocation. Does nothing without glibc.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # musl has no mallopt
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)


def channels_last(module: nn.Module) -> None:
    """Lay the convolution weights out as NHWC, as the data path lays out the images."""
    import torch

    module.to(memory_format=torch.channels_last)


def look_for_gpus_once() -> None:
    """Keep torch from looking for a GPU in each step of Adam where there is none. Call after Lightning is imported.

    Lightning has torch look by loading the driver's library, which takes up to 0.6 ms to fail.
    """
    import torch

    if not torch.cuda.is_available():
        os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "0"


def pass_over_empty_hooks(module: pl.LightningModule, callbacks: list[pl.Callback]) -> None:
    """Keep Lightning from calling hooks of a step that do nothing: 10 µs each, and each callback has several a step."""
    import pytorch_lightning as pl

    owners: list[tuple[object, type]] = [(module, pl.LightningModule), *((c, pl.Callback) for c in callbacks)]
    for owner, base in owners:
        for hook in HOOKS_OF_A_STEP:
            if is_empty(hook, owner, base):
                setattr(owner, hook, None)  # Lightning looks whether it can be called


def is_empty(hook: str, owner: object, base: type) -> bool:
    """Tell whether a hook is still the base class's, which does nothing."""
    own = vars(owner).get(hook, getattr(type(owner), hook))
    return own is None or own is getattr(base, hook)


def compose_once() -> None:
    """Spare Hydra a composition of its own that only finds `hydra.mode`, which is nowhere set: a fifth of a refusal."""
    from hydra._internal.hydra import Hydra

    if not any("hydra.mode" in argument for argument in sys.argv):
        Hydra.get_mode = lambda *_arguments, **_options: None  # type: ignore[method-assign]  # as where it is not set
