"""Leaves a process as it was: a run that is started from Python changes nothing of the program that starts it."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import warnings
from collections.abc import Iterator

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobRuntime
from hydra.version import VersionBase
from omegaconf import basecontainer


@contextlib.contextmanager
def process() -> Iterator[None]:
    """Put back what belongs to the whole process and a run changes before it imports torch.

    `adversaria.runs.library_state` does the same for what it changes afterwards. Handlers of signals are put back by
    `adversaria.runs.signals` and Lightning.
    """
    with _environment(), _logging(), _hydra(), warnings.catch_warnings():
        collecting = gc.isenabled()
        try:
            yield
        finally:
            if not collecting:  # a run switches it on, and takes what there was out of its sight
                gc.unfreeze()
                gc.disable()


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})


@contextlib.contextmanager
def _logging() -> Iterator[None]:
    """Put back handlers and levels."""
    root, disabled = logging.getLogger(), logging.root.manager.disable
    loggers = [root, *(each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger))]
    levels, handlers = [logger.level for logger in loggers], root.handlers[:]
    try:
        yield
    finally:
        logging.disable(disabled)
        root.handlers[:] = handlers
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _hydra() -> Iterator[None]:
    """Put back what Hydra and OmegaConf keep in one place for all of a process.

    The names of OmegaConf's resolvers can be asked for, but not what they do: where the private name of their mapping
    changes, a run from Python ends in an error, which each test of one notices.
    """
    resolvers = dict(basecontainer.BaseContainer._resolvers)
    config, version, job = HydraConfig.instance(), VersionBase.instance(), JobRuntime.instance()
    kept = config.cfg, version.version_base, job.conf.copy()
    try:
        yield
    finally:
        config.cfg, version.version_base, job.conf = kept
        basecontainer.BaseContainer._resolvers.clear()
        basecontainer.BaseContainer._resolvers.update(resolvers)
