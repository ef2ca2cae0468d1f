"""The devices of this machine, as far as they are known without torch."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from adversaria.config.errors import ConfigError


def check_devices(devices: int | str | list[int], accelerator: str) -> None:
    """Check that the devices that a trainer is to use are a number or a list of them, and are there.

    Raises:
        ConfigError: they are not.
    """
    if isinstance(devices, str) and devices != "auto":
        if not re.fullmatch(r"-1|\d+(,\d+)*,?", devices):
            raise ConfigError(f"trainer.devices={devices}: expected a number of devices, a list of them, or auto")
        chosen: int | list[int] = [int(d) for d in devices.strip(",").split(",")] if "," in devices else int(devices)
    else:
        chosen = 1 if devices == "auto" else devices  # type: ignore[assignment]
    wrong = chosen != -1 and chosen < 1 if isinstance(chosen, int) else not chosen or len(set(chosen)) < len(chosen)
    if wrong or (isinstance(chosen, list) and min(chosen) < 0):
        raise ConfigError(
            f"trainer.devices={devices}: expected a number of devices from 1 on, or a list of different ones from 0 on"
        )
    there = gpus()
    if accelerator not in ("gpu", "cuda") or there is None:
        return
    wanted = max(chosen) + 1 if isinstance(chosen, list) else max(1, chosen)
    if wanted > there:
        cure = "trainer.accelerator=cpu" if there == 0 else f"trainer.devices={there}"
        raise ConfigError(f"trainer.devices={devices}: this machine has {there or 'no'} GPU; set {cure}")


def gpus() -> int | None:
    """Return how many GPUs this process may use, without torch; None where that cannot be known."""
    if not sys.platform.startswith("linux") or any(Path(p).exists() for p in ("/dev/dxg", "/dev/kfd")):
        return None
    there = sum(re.fullmatch(r"nvidia\d+", file.name) is not None for file in Path("/dev").glob("nvidia*"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return there if visible is None else min(there, len([v for v in visible.split(",") if v.strip() not in ("", "-1")]))
