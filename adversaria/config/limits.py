"""The memory of this machine, as a bound for numbers of images."""

from __future__ import annotations

import os

from adversaria.config.errors import ConfigError


def check_memory(needed: int, key: str) -> None:
    """Check that something fits into memory.

    Args:
        needed: bytes of it.
        key: the configuration key whose value makes it so large, to name in the error.

    Raises:
        ConfigError: it does not fit.
    """
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 1 << 34
    if needed > memory:
        raise ConfigError(
            f"{key}: this would take {needed >> 30} GiB of memory, and the machine has {memory >> 30} GiB; choose a "
            "smaller number"
        )
