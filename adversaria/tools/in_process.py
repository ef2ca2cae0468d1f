"""Does what a command line does within a program that is not ours: one thing at a time, and nothing of it stays."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from omegaconf import DictConfig

from adversaria.config import machine_errors
from adversaria.config.as_typed import as_hydra_reads
from adversaria.config.command_lines import given_from_python
from adversaria.config.composition import composition, initialized
from adversaria.config.errors import ConfigError, Refused, UserError
from adversaria.config.foreign_errors import describe_error
from adversaria.config.renamed import renamed_arguments
from adversaria.runs import terminal, unchanged
from adversaria.runs.resumed_command import command_line
from adversaria.runs.signals import Interrupted
from adversaria.speed import settings
from adversaria.sweeps.sweep import JobsFailed, discarded_if_refused, started
from adversaria.tools.compose import register_resolvers
from adversaria.tools.composed_run import run

#: Of a program that has handlers of its own, Hydra would close all.
LOGGING = ["hydra/job_logging=python", "hydra/hydra_logging=python"]
_busy = threading.Lock()


class _Failed(BaseException):
    """Takes an error through Hydra, which would report each `Exception` on stderr."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def run_of(overrides: Sequence[str]) -> Path:
    """Train as `python train.py OVERRIDES` does; return the run folder.

    Raises:
        UserError: in the cases in which the command line ends with a sentence.
        KeyboardInterrupt: Ctrl+C stopped the run, which is saved.
    """
    with in_process(overrides), initialized() as hydra:
        job = hydra.run("train", _carried, [*_as_read(overrides), "hydra.mode=RUN"])
        assert job.hydra_cfg is not None
        return Path(job.hydra_cfg.hydra.runtime.output_dir)


def sweep_of(overrides: Sequence[str]) -> Path:
    """Run the jobs of `python train.py -m OVERRIDES`; return the folder of the sweep.

    Raises:
        UserError: the sweep was refused as a whole.
        KeyboardInterrupt: Ctrl+C stopped it; the job that was running is saved.
    """
    arguments = ["-m", *overrides]
    with in_process(arguments), initialized() as hydra, discarded_if_refused(), contextlib.suppress(JobsFailed):
        hydra.multirun("train", run, [*_as_read(overrides, "-m"), "hydra.mode=MULTIRUN"])
    return started[-1][0].absolute()


def _carried(cfg: DictConfig) -> float | None:
    try:
        return run(cfg)
    except Exception as error:
        raise _Failed(error) from None


def _as_read(overrides: Sequence[str], *flags: str) -> list[str]:
    """Return what Hydra is given of overrides, as the command line gives it."""
    if strange := [override for override in overrides if not isinstance(override, str)]:
        raise ConfigError(f'{strange[0]!r}: write each override as a text of its own: "model=gan", "data=digits"')
    register_resolvers()
    composition.cache_clear()  # its files may have changed since the last run
    line = as_hydra_reads(renamed_arguments([*flags, *overrides]))
    if options := [argument for argument in line[len(flags) :] if argument.startswith("-")]:
        raise ConfigError(f"{options[0]}: write key=value; for several values of a key there is adversaria.sweep(…)")
    return [*command_line(line)[len(flags) :], *LOGGING]


@contextlib.contextmanager
def in_process(arguments: Sequence[str] = ()) -> Iterator[None]:
    """Leave this process as it was, and raise what a command line would end with.

    Generators of random numbers, handlers of signals and the like are those of a whole process, so that there can be
    only one run at a time.

    Args:
        arguments: what errors quote.

    Raises:
        UserError: another thread runs something; or a library, or the machine, refuses what is asked for.
        KeyboardInterrupt: a signal stopped what was done. The program's own handler was called before, once all was
            saved.
    """
    if not _busy.acquire(blocking=False):
        raise UserError("adversaria is at work in this process already; wait until it is done, or use another process")
    stopped = 0
    try:
        with given_from_python(list(arguments)), unchanged.process(), _shown(), _errors():
            yield
    except Interrupted as interrupted:
        stopped = int(str(interrupted.code)) - 128
    except SystemExit as ended:
        if isinstance(ended.__context__, KeyboardInterrupt):  # which Lightning makes an end of the process
            raise ended.__context__ from None
        raise
    finally:
        settings.give_memory_back()
        _busy.release()
    if stopped:
        signal.raise_signal(stopped)
        raise KeyboardInterrupt


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """Raise the sentence in which a command line would tell of an error."""
    try:
        yield
    except UserError:
        raise
    except Refused as refused:
        raise ConfigError(str(refused)) from None
    except (_Failed, Exception) as caught:
        error = caught.error if isinstance(caught, _Failed) else caught
        sentence = None if isinstance(error, UserError) else describe_error(error)
        if sentence is None:
            raise error from error.__cause__
        raise (UserError if machine_errors.describe(error) else ConfigError)(sentence) from None


@contextlib.contextmanager
def _shown() -> Iterator[None]:
    """Print what is logged, unless the program has handlers of its own."""
    if not logging.getLogger().handlers:  # which `unchanged.process` puts back
        handler = terminal.LogHandler()
        handler.setFormatter(logging.Formatter("[%(asctime)s] %(message)s", "%H:%M:%S"))
        logging.getLogger().addHandler(handler)
    try:
        yield
    finally:
        terminal.name_job("")
