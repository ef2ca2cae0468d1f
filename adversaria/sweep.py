"""A sweep: one folder for its jobs, named by what is swept, and a summary of them."""

from __future__ import annotations

import contextlib
import gc
import logging
import math
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict, read_write

from adversaria import run_folder, sweep_summary
from adversaria.errors import ConfigError, explain, first_line
from adversaria.sweep_names import sweep_folder

log = logging.getLogger(__name__)


class Sweep(Callback):
    """Name the folders of a sweep before its first job, keep a failed job from ending it, and sum it up after each job.

    Args:
        summary: write `summary.csv`, `summary.md` and `summary.html`.
    """

    def __init__(self, summary: bool = True) -> None:
        self.summary = summary

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Settle the names, as overrides: so jobs in other processes have them too."""
        params = [f"{key}={value}" for key, value in (config.hydra.sweeper.get("params") or {}).items()]
        parsed = OverridesParser.create().parse_overrides([*params, *config.hydra.overrides.task])
        overrides = {o.key_or_group: o for o in parsed}.values()  # the command line's come last and count
        fixed = [o for o in overrides if not o.is_sweep_override()]
        texts = [o.input_line or "" for o in fixed if not o.key_or_group.startswith("hydra")]
        swept = [o.key_or_group for o in overrides if o.is_sweep_override()]
        folder = config.hydra.sweep.dir or sweep_folder(config.output_root, swept, texts)
        names = ",".join(_quoted(o.key_or_group) for o in fixed)
        settled = [f"hydra.sweep.dir={_quoted(folder)}", f"hydra.job.config.override_dirname.exclude_keys=[{names}]"]
        with read_write(config), open_dict(config):
            config.hydra.sweep.dir = folder
            config.hydra.overrides.hydra = [*config.hydra.overrides.hydra, *settled]

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Note why a job failed and let the others go on; sum up what there is, as the sweep may be stopped."""
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        if job_return.status == JobStatus.FAILED:
            error = job_return._return_value
            explained = explain(error)
            sentence = explained or f"{type(error).__name__}: {first_line(error)}"
            log.error("this job failed: %s", sentence, exc_info=error if explained is None else None)
            job = Path(config.hydra.runtime.output_dir)
            run_folder.write_failure(job, list(config.hydra.overrides.task), sentence)
            if "max_failure_rate" not in config.hydra.sweeper:  # a sweeper that cannot bear it itself
                job_return.status, job_return.return_value = JobStatus.COMPLETED, math.nan
        if self.summary:
            folder = Path(config.hydra.sweep.dir)
            sweep_summary.write(folder, sweep_summary.read(folder))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the summary; leave with status 1 if a job failed."""
        folder = Path(config.hydra.sweep.dir)
        summary = sweep_summary.read(folder)
        if self.summary:
            print(f"\n{sweep_summary.write(folder, summary)}\n{folder / 'summary.html'}")
        failed = sum(job.status.startswith(sweep_summary.FAILED) for job in summary.jobs)
        if failed:
            raise SystemExit(
                f"error: {failed} job{'s' if failed > 1 else ''} failed; see {folder}, and start the sweep again"
            )


RESTARTS = "ADVERSARIA_SWEEP_RESTARTS"  # environment variable that counts them


@contextlib.contextmanager
def going_on_without_killed_jobs(restarts: int = 2) -> Iterator[None]:
    """Start this command again, for what is missing, when a killed process took joblib's others with it.

    Args:
        restarts: how often; a job that memory does not suffice for is killed each time.
    """
    try:
        yield
    except Exception as error:
        done = int(os.environ.get(RESTARTS, "0"))
        if type(error).__name__ != "TerminatedWorkerError" or done >= restarts:
            raise
        log.error("a job's process was killed, perhaps for want of memory; the sweep goes on with what is missing")
        os.environ[RESTARTS] = str(done + 1)
        os.execv(sys.executable, [sys.executable, *sys.argv])


@contextlib.contextmanager
def leaving_nothing_behind() -> Iterator[None]:
    """Give back memory, and remove the environment variables of a run, which the next job would take for its own."""
    before = set(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - before:
            del os.environ[name]
        gc.collect()
        if "torch" in sys.modules and (cuda := sys.modules["torch"].cuda).is_available():
            cuda.empty_cache()


def _in_sweep() -> bool:
    return HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN


def gpu_of_job(trainer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the trainer's options that give each job of a sweep a GPU in its turn, where there are several."""
    if not _in_sweep() or trainer["devices"] != 1 or trainer["accelerator"] not in ("auto", "gpu", "cuda"):
        return {}
    from torch.cuda import device_count  # torch is there by now

    return {"devices": [HydraConfig.get().job.num % device_count()]} if device_count() > 1 else {}


def check_trainer(trainer: Any) -> None:
    """Refuse a sweep's job on several devices, for each of which Lightning would start the whole sweep again.

    Raises:
        ConfigError: it is one.
    """
    if _in_sweep() and trainer.strategy.launcher is not None and trainer.world_size > 1:
        raise ConfigError(
            "trainer.devices: a job of a sweep runs on one device; set trainer.devices=1, with hydra/launcher=joblib "
            "for several jobs at once, or start each run alone, without -m"
        )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", r"\'") + "'"
