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
    memory = memory_of_machine()
    if needed > memory:
        raise ConfigError(
            f"{key}: this would take {gigabytes(needed)} of memory, but the machine has {gigabytes(memory)}; choose a "
            "smaller number"
        )


def memory_of_machine() -> int:
    """Return the bytes of memory of this machine, 16 GiB where that is not known."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return 1 << 34


def gigabytes(count: float) -> str:
    """Write a number of bytes."""
    return f"{count / 1e9:,.0f} GB"
