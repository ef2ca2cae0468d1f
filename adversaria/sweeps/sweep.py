"""A sweep: one folder for its jobs, named by what is swept, and a summary of them."""

from __future__ import annotations

import contextlib
import io
import logging
import math
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from adversaria.config.command_lines import quoted
from adversaria.config.errors import Refused, first_line
from adversaria.config.foreign_errors import describe_error
from adversaria.runs import record, terminal
from adversaria.runs.objective import objective_of
from adversaria.runs.record import CONFIG, FAILURE, INVOCATION
from adversaria.runs.run_folder import discard_if_empty
from adversaria.sweeps import summary as summaries
from adversaria.sweeps.end_table import print_table
from adversaria.sweeps.job_record import FAILED, Job, starting
from adversaria.sweeps.jobs import prepare_launcher
from adversaria.sweeps.names import PAGE, sweep_folder
from adversaria.sweeps.plan import PLAN, key_of, overrides_of

log = logging.getLogger(__name__)
started: list[tuple[Path, Path]] = []  # the folder of each sweep of this process, and the folder of all runs


class JobsFailed(SystemExit):
    """A sweep has ended, and some of its jobs failed."""


@contextlib.contextmanager
def discarded_if_refused() -> Iterator[None]:
    """Remove the folder of a sweep that was refused as a whole, also where Hydra or a sweeper ended it."""
    started.clear()
    try:
        yield
    except BaseException:
        for folder, output_root in started:
            _discard_unstarted(folder, output_root)
            if (folder / PAGE).exists():
                _show(folder, summaries.read(folder))  # nothing runs any more
        raise


class Sweep(Callback):
    """Name the folders of a sweep before its first job, let it survive failed jobs, and write its summary after each.

    Args:
        summary: write `summary.csv`, `summary.md` and `summary.html`.
    """

    def __init__(self, summary: bool = True) -> None:
        self.summary = summary
        self._starts: bytes | None = None  # what the job's folder has when it begins

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Set the sweep's folder, and the keys that are fixed, as overrides: jobs in other processes have them too.

        Hydra has a list of keys that the names of its jobs leave out, `override_dirname.exclude_keys`;
        conf/train.yaml hands it to `job_name`. Without it the folders of all jobs would be named by the fixed keys too.
        """
        _check_direction(config)
        prepare_launcher(config)
        overrides = overrides_of(config.hydra.sweeper, config.hydra.overrides.task)
        fixed = [o for o in overrides if not o.is_sweep_override()]
        texts = [o.input_line or "" for o in fixed if not o.key_or_group.startswith(("hydra.", "hydra/"))]
        swept = [key_of(o) for o in overrides if o.is_sweep_override()]
        folder = config.hydra.sweep.dir or sweep_folder(config.output_root, swept, texts)
        names = ",".join(quoted(key_of(o)) for o in fixed)
        chosen = [f"hydra.sweep.dir={quoted(folder)}", f"hydra.job.config.override_dirname.exclude_keys=[{names}]"]
        with read_write(config), open_dict(config):
            config.hydra.sweep.dir = folder
            config.hydra.overrides.hydra = [*config.hydra.overrides.hydra, *chosen]
        started.append((Path(folder), Path(config.output_root)))
        if self.summary:
            log.info("the sweep while it runs: %s", Path(folder) / PAGE)

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Name the job in its lines, remember whether there is a run in its folder, and show that it runs."""
        in_sweep = config.hydra.get("mode") == RunMode.MULTIRUN
        terminal.name_job(config.hydra.sweep.subdir if in_sweep else "")
        job = Path(config.hydra.runtime.output_dir)
        self._starts = _starts(job)
        if in_sweep and self.summary:
            folder = Path(config.hydra.sweep.dir)
            _show(folder, summaries.read(folder, starting(job, config.hydra.overrides.task)), live=True)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """Write why a job failed and let the others go on; write a summary each time, as the sweep may be stopped."""
        if config.hydra.mode != RunMode.MULTIRUN:
            return
        job = Path(config.hydra.runtime.output_dir)
        refused = job.with_name(f"{job.name}_refused")  # in the job's own folder nothing is changed then
        if job_return.status != JobStatus.FAILED:
            _discard_failure(refused, Path(config.output_root))
        else:
            error = error_of(job_return)
            known = describe_error(error)
            sentence = known or f"{type(error).__name__}: {first_line(error)}"
            log.error("this job failed: %s", sentence, exc_info=error if known is None else None)
            began = self._starts is None or _starts(job) != self._starts
            record.write_failure(job if began else refused, list(config.hydra.overrides.task), sentence)
            if "max_failure_rate" not in config.hydra.sweeper:  # the sweeper would stop at a failed job
                job_return.status, job_return.return_value = JobStatus.COMPLETED, math.nan
        terminal.name_job("")
        if self.summary:
            folder = Path(config.hydra.sweep.dir)
            _show(folder, summaries.read(folder, live=True), live=True)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the summary; leave with status 1 if a job failed, and without a folder if all were refused alike."""
        folder = Path(config.hydra.sweep.dir)
        summary = summaries.read(folder)
        if sentence := _refused_alike(summary.jobs):
            _discard(folder, Path(config.output_root), summary.jobs)
            raise Refused(sentence)
        if self.summary:
            print_table(summary, _show(folder, summary))
        failed = sum(job.status == FAILED for job in summary.jobs)
        if failed:
            raise JobsFailed(
                f"error: {failed} job{'s' if failed > 1 else ''} failed; see {folder}, and run the same command again: "
                "finished jobs are skipped"
            )


def _show(folder: Path, summary: summaries.Summary, live: bool = False) -> Path:
    """Write the summary of a sweep, and its page; return the page."""
    from adversaria.sweeps import page  # not above: numpy and jinja2 took a third of the time of `--help`

    summaries.write(folder, summary)
    return page.write(folder, summary, live)


def error_of(job_return: JobReturn) -> Exception:
    """Return the error of a failed job, which Hydra raises, with a line on stderr, where its value is asked for."""
    with contextlib.redirect_stderr(io.StringIO()):
        try:
            value = job_return.return_value
        except Exception as error:
            return error
    return RuntimeError(f"the job failed, but Hydra knows no error, only {value!r}")


def _check_direction(config: DictConfig) -> None:
    """Leave with a sentence where a sweeper that searches, such as Optuna's, would search for the worst."""
    direction = config.hydra.sweeper.get("direction")
    objective = objective_of({key: _plain(config.get(key)) for key in ("objective", "callbacks")})
    wanted = {"min": "minimize", "max": "maximize"}[objective.mode] if objective else None
    if objective and isinstance(direction, str | Enum) and getattr(direction, "name", direction) != wanted:
        raise Refused(f"the best {objective.metric} is its {objective.mode}imum; set hydra.sweeper.direction={wanted}")


def _plain(node: Any) -> Any:
    return OmegaConf.to_container(node, resolve=False) if OmegaConf.is_config(node) else node


def _refused_alike(jobs: Sequence[Job]) -> str | None:
    """Return the sentence with which all jobs were refused before they started; None if that is not so."""
    sentences = {None if (job.folder / CONFIG).exists() else job.error for job in jobs}
    return sentences.pop() if len(sentences) == 1 else None


def _starts(job: Path) -> bytes | None:
    """Return the record of the starts of a job; None if its folder has no run."""
    file = job / INVOCATION
    return file.read_bytes() if file.is_file() else None


def _discard_failure(folder: Path, output_root: Path) -> None:
    (folder / FAILURE).unlink(missing_ok=True)
    discard_if_empty(folder, output_root)


def _discard_unstarted(folder: Path, output_root: Path) -> None:
    if folder.is_dir() and not any(folder.rglob(CONFIG)):
        jobs = summaries.read(folder).jobs
        if len({job.error for job in jobs}) <= 1:
            _discard(folder, output_root, jobs)


def _discard(folder: Path, output_root: Path, jobs: Sequence[Job]) -> None:
    """Remove what a sweep wrote of which no job was started, and the folders that are empty then."""
    for job in jobs:
        for file in (FAILURE, "train.log"):
            (job.folder / file).unlink(missing_ok=True)
        discard_if_empty(job.folder, output_root)
    for name in (PLAN, PAGE, "summary.csv", "summary.md"):
        (folder / name).unlink(missing_ok=True)
    discard_if_empty(folder, output_root)
