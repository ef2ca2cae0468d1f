"""A job of a sweep: its GPU, what it leaves behind, and what happens when its process is killed."""

from __future__ import annotations

import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from adversaria.config.command_lines import current_arguments, from_python, key_of, script_command, value_of
from adversaria.config.errors import ConfigError
from adversaria.config.foreign_errors import JOBLIB_KILLED, JOBLIB_LAUNCHER, JOBLIB_WORKER
from adversaria.runs import processes, signals
from adversaria.sweeps.shared_gpu import share_gpu, share_no_more

log = logging.getLogger(__name__)
RESTARTS = "ADVERSARIA_SWEEP_RESTARTS"  # environment variable that counts them
PARENT = "ADVERSARIA_SWEEP_PROCESS"  # environment variable with the number of a sweep's first process
SAVING = 8  # seconds that a job has for its checkpoint when that process is gone


@contextlib.contextmanager
def restart_after_killed_job(restarts: int = 2) -> Iterator[None]:
    """Run this command again, which skips finished jobs, when a killed process ended joblib's others too.

    Args:
        restarts: how often at most; a job that needs more memory than there is is killed each time.
    """
    os.environ[PARENT] = str(os.getpid())
    os.environ.setdefault("PYTHONWARNINGS", "ignore:resource_tracker")  # it tidies up after us where we are killed
    try:
        yield
    except Exception as error:
        done = int(os.environ.get(RESTARTS, "0"))
        if type(error).__name__ != JOBLIB_KILLED or done >= restarts:
            raise
        log.error("a job's process was killed; out of memory? The sweep is run again: finished jobs are skipped")
        os.environ[RESTARTS] = str(done + 1)
        share_no_more()
        os.execv(sys.executable, [sys.executable, *sys.argv])


def prepare_launcher(config: DictConfig) -> None:
    """Let joblib's jobs save at Ctrl+C, and use one GPU at the same time where `performance.share_gpu` asks for it.

    Ctrl+C ends the first process of joblib's sweep at once, as SIGTERM does: its jobs then save and end. Python's own
    handler would raise an exception, at which joblib kills the jobs before they can. A process that is not ours, which
    a sweep was started in from Python, must not end: there the jobs that were running are repeated.

    Args:
        config: of the sweep, with Hydra's own part.
    """
    at_once = str(config.hydra.get("launcher", {}).get("_target_")).endswith(JOBLIB_LAUNCHER)
    if at_once and not from_python():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if OmegaConf.select(config, "performance.share_gpu") is True:
        if not at_once:
            log.warning("performance.share_gpu is of use only with hydra/launcher=joblib, whose jobs run at once here")
        elif problem := share_gpu():
            log.warning("performance.share_gpu: %s; the jobs take turns on a GPU", problem)


def end_with_sweep() -> None:
    """Let this process, if it is joblib's, end when the sweep's first process is gone, however that came about.

    A job that runs then saves its checkpoint.
    """
    if multiprocessing.current_process().name.startswith(JOBLIB_WORKER):
        end_with(int(os.environ.get(PARENT, os.getppid())))


def end_with(parent: int) -> None:
    """Let this process end when the process that started it is gone; a run is saved first, as at SIGTERM.

    (The kernel's signal of a parent's death would not do: it comes when the thread that started this process ends.)
    """
    if os.getppid() != parent:
        os._exit(128 + signal.SIGTERM)
    if all(thread.name != PARENT for thread in threading.enumerate()):  # not by an earlier job of this process
        threading.Thread(target=_watch, args=(parent,), name=PARENT, daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    if not signals.asked():  # Ctrl+C reaches all processes of a terminal; a second signal would stop without saving
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(SAVING)
    os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def clean_up_after_job() -> Iterator[None]:
    """Give back memory, and remove the environment variables of a run, which the next job would read as its own."""
    before = set(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - before:
            del os.environ[name]
        gc.collect()
        if "torch" in sys.modules and (cuda := sys.modules["torch"].cuda).is_available():
            cuda.empty_cache()


def in_sweep() -> bool:
    """Tell whether this run is a job of a sweep."""
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def swept() -> dict[str, Any]:
    """Return the keys that the sweep of this run varies, with their values in this job; none for a run of its own."""
    if not in_sweep():
        return {}
    hydra = HydraConfig.get()
    fixed = hydra.job.config.override_dirname.exclude_keys  # see adversaria.sweeps.sweep
    return {key_of(text): value_of(text) for text in hydra.overrides.task if key_of(text) not in fixed}


def gpu_of_job(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trainer's options that give each job of a sweep a GPU in its turn, where there are several."""
    if not in_sweep() or trainer["devices"] != 1 or trainer["accelerator"] not in ("auto", "gpu", "cuda"):
        return {}
    from torch.cuda import device_count  # torch is there by now

    return {"devices": [HydraConfig.get().job.num % device_count()]} if device_count() > 1 else {}


def check_trainer(trainer: Any) -> None:
    """Refuse several devices where Lightning would start something else again for each: a sweep, or a user's program.

    Raises:
        ConfigError: there are several.
    """
    if trainer.strategy.launcher is None or trainer.world_size == 1:
        return
    if from_python() and not in_sweep() and processes.launch() is None:
        raise ConfigError(
            "trainer.devices: a run from Python has one device, or processes of torchrun; set trainer.devices=1, or "
            f"write {script_command('train.py', *current_arguments())}"
        )
    if in_sweep():
        raise ConfigError(
            "trainer.devices: a job of a sweep runs on one device; set trainer.devices=1, with hydra/launcher=joblib "
            "for several jobs at once, or start each run alone, without -m"
        )
