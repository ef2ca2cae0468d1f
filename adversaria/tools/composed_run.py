"""A run of a configuration that Hydra composed: from a command line, for a job of a sweep, or from Python."""

from __future__ import annotations

import contextlib
import functools
import logging
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from adversaria.config import schema, sense
from adversaria.config.containers import plain
from adversaria.config.errors import one_sentence_errors, print_in_any_locale
from adversaria.measures import kept_classifiers, shipped_classifiers
from adversaria.runs import initial_weights, processes, resume, run_folder, signals
from adversaria.runs.objective import check_metrics, objective_value
from adversaria.runs.record import write_invocation
from adversaria.sweeps import jobs
from adversaria.tools.train import train
from datamodules.preflight import completed, preflight

log = logging.getLogger("adversaria")


def run_command(cfg: DictConfig) -> float | None:
    """Run what a command line says, with its errors as sentences; return the objective."""
    print_in_any_locale()  # a job may have a process of its own
    with contextlib.nullcontext() if jobs.in_sweep() else one_sentence_errors():
        return run(cfg)


def run(cfg: DictConfig) -> float | None:
    """Check a configuration, then train, test and record its run; return the objective.

    Raises:
        UserError: something is wrong with it.
        Interrupted: a signal stopped the run.
    """
    job = HydraConfig.get()
    in_sweep = jobs.in_sweep()
    if in_sweep:
        jobs.end_with_sweep()
    folder = Path(job.runtime.output_dir)
    choices, overrides = dict(job.runtime.choices), resume.overrides_of(job)
    config, given = _checked(cfg, folder, choices, overrides)
    if not in_sweep and config["ckpt_path"] is None:
        run_folder.check_new(folder)
    for sentence in sense.unusual(config) if processes.is_first() else ():
        log.warning(sentence)
    if not processes.is_first():
        processes.end_with_parent()
        logging.disable(logging.INFO)  # the first process logs it
        with signals.handled():
            return train(config, folder)
    with run_folder.discarded_if_empty(folder, Path(config["output_root"])), run_folder.locked(folder):
        if in_sweep:
            config, done = resume.resumed_job(config, folder)
            if done:
                log.info("done before: %s", folder)
                return objective_value(config, {}, folder)
        save = functools.partial(write_invocation, folder, config, choices, given)
        with jobs.clean_up_after_job(), signals.handled():
            return train(config, folder, save)


def _checked(
    cfg: DictConfig, folder: Path, choices: dict[str, str | None], overrides: list[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the plain configuration after all checks that need no torch, and the overrides that this start was given.

    Raises:
        UserError: the configuration is wrong; the folder is removed if nothing was written to it.
    """
    try:
        if cfg.ckpt_path:
            config, overrides = resume.resumed_config(cfg, folder, choices, overrides)
        else:
            config = plain(cfg)
        schema.check(config)
        sense.check(config, overrides)
        run_folder.check_data(folder if cfg.ckpt_path else None, config["data"])
        found = preflight(config["data"], config["model"], training=True)
        config = completed(config, found)
        check_metrics(config, found.get("labelled", True))
        initial_weights.check(config)
        kept_classifiers.check(config)
        shipped_classifiers.check(config)
    except BaseException:
        run_folder.discard_if_empty(folder, Path(cfg.output_root))
        raise
    return config, overrides
