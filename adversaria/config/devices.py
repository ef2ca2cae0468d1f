"""The devices of this machine, as far as they are known without torch."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adversaria.config.errors import ConfigError

PROCESSES_OF_A_CORE = 8  # at most: a test may have more processes than cores
#: Environment variables by which Lightning is told of the processes on other machines.
LAUNCHERS = ("TORCHELASTIC_RUN_ID", "SLURM_NTASKS", "MASTER_ADDR", "LSB_JOBID", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE")


def check_trainer(trainer: Mapping[str, Any]) -> None:
    """Check that the devices and machines of a trainer are there, and have the processes that were started.

    Raises:
        ConfigError: they are not.
    """
    devices, accelerator = trainer.get("devices", 1), trainer.get("accelerator", "auto")
    machines = trainer.get("num_nodes", 1)
    check_devices(devices, accelerator)
    if machines > 1 and not set(LAUNCHERS) & set(os.environ):
        raise ConfigError(
            f"trainer.num_nodes={machines}: nothing says which machines these are, and the run would wait for ever; "
            f"start it by torchrun --nnodes={machines} or srun --nodes={machines}, or set trainer.num_nodes=1"
        )
    here, launched = _devices_here(devices, accelerator), _launched()
    if here is not None and launched is not None and launched[1] != here * machines:
        raise ConfigError(
            f"{launched[0]} started {launched[1]} processes, but trainer.devices={devices} and "
            f"trainer.num_nodes={machines} need {here * machines}; start as many processes as there are devices on all "
            "machines, with trainer=ddp for several"
        )


def _devices_here(devices: int | str | list[int], accelerator: str) -> int | None:
    """Return how many devices of this machine a trainer uses; None where that cannot be known without torch."""
    chosen = _chosen(devices)
    if isinstance(chosen, list):
        return len(chosen)
    if devices != "auto" and chosen != -1:
        return chosen
    return 1 if accelerator == "cpu" else gpus()


def _launched() -> tuple[str, int] | None:
    """Return who started the processes of this run, and how many; None if Lightning is to start them."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return "torchrun", int(os.environ.get("WORLD_SIZE", "1"))
    step = os.environ.get("SLURM_STEP_NUM_TASKS")  # a batch script itself has none
    shell = os.environ.get("SLURM_JOB_NAME") in ("bash", "interactive")  # which Lightning leaves alone too
    return None if step is None or shell else ("srun", int(step))


def check_devices(devices: int | str | list[int], accelerator: str) -> None:
    """Check that the devices that a trainer is to use are a number or a list of them, and are there.

    Raises:
        ConfigError: they are not.
    """
    chosen = _chosen(devices)
    wrong = chosen != -1 and chosen < 1 if isinstance(chosen, int) else not chosen or len(set(chosen)) < len(chosen)
    if wrong or (isinstance(chosen, list) and min(chosen) < 0):
        raise ConfigError(
            f"trainer.devices={devices}: expected a number of devices from 1 on, or a list of different ones from 0 on"
        )
    there = gpus()
    if accelerator == "cpu" or (accelerator == "auto" and there == 0 and sys.platform.startswith("linux")):
        _check_cores(devices, chosen)
    if accelerator not in ("gpu", "cuda") or there is None:
        return
    wanted = max(chosen) + 1 if isinstance(chosen, list) else max(1, chosen)
    if wanted > there:
        cure = "trainer.accelerator=cpu" if there == 0 else f"trainer.devices={there}"
        raise ConfigError(f"trainer.devices={devices}: this machine has {there or 'no'} GPU; set {cure}")


def _chosen(devices: int | str | list[int]) -> int | list[int]:
    """Return the number of devices, -1 for all that are there, 1 for `auto`; or the list of those that are named."""
    if not isinstance(devices, str):
        return devices
    if devices == "auto":
        return 1
    if not re.fullmatch(r"-1|\d+(,\d+)*,?", devices):
        raise ConfigError(f"trainer.devices={devices}: expected a number of devices, a list of them, or auto")
    return [int(d) for d in devices.strip(",").split(",")] if "," in devices else int(devices)


def _check_cores(devices: int | str | list[int], chosen: int | list[int]) -> None:
    if isinstance(chosen, list) or chosen == -1:
        raise ConfigError(f"trainer.devices={devices}: on CPUs it is a number of processes; set trainer.devices=1")
    if chosen > PROCESSES_OF_A_CORE * (cores := os.cpu_count() or 1):
        raise ConfigError(f"trainer.devices={devices}: this machine has {cores} CPU cores; set trainer.devices={cores}")


def gpus() -> int | None:
    """Return how many GPUs this process may use, without torch; None where that cannot be known."""
    if not sys.platform.startswith("linux") or any(Path(p).exists() for p in ("/dev/dxg", "/dev/kfd")):
        return None
    there = sum(re.fullmatch(r"nvidia\d+", file.name) is not None for file in Path("/dev").glob("nvidia*"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return there if visible is None else min(there, len([v for v in visible.split(",") if v.strip() not in ("", "-1")]))
