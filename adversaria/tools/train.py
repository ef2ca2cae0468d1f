"""Train, test and record one run, as a checked configuration says."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.command_lines import current_arguments, resume_command, script_command
from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import callbacks_of, instantiate, instantiate_all
from adversaria.runs import initial_weights, processes
from adversaria.runs.objective import objective_value
from adversaria.runs.record import METRICS, read_record
from adversaria.runs.restoring import restoring
from adversaria.runs.signals import Interrupted
from adversaria.runs.start import Start
from adversaria.speed import settings
from adversaria.sweeps import jobs
from adversaria.tools.next_steps import next_steps

if TYPE_CHECKING:
    import pytorch_lightning as pl

log = logging.getLogger("adversaria")


def train(config: dict[str, Any], folder: Path, save: Callable[[], None] = lambda: None) -> float | None:
    """Train and test as a checked, plain configuration says, in its run folder; return the objective.

    Args:
        config: the configuration.
        folder: the run folder.
        save: writes the record of this start. It is called, and anything written, only once data, model, trainer
            and checkpoint have been checked.
    """
    start = Start(folder, save)
    relative_folder = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)
    with start.logged():
        try:
            return _train(config, folder, relative_folder, start)
        except BaseException as error:
            start.failed(error)
            if jobs.in_sweep() and isinstance(error, Interrupted):
                command = script_command("train.py", *current_arguments())
                log.info("stopped; go on with the sweep, whose finished jobs are skipped: %s", command)
            elif start.saved and (folder / "checkpoints" / "last.ckpt").exists():
                log.info("stopped; go on with: %s", resume_command(relative_folder))
            raise


def _train(config: dict[str, Any], folder: Path, relative_folder: str, start: Start) -> float | None:
    if config["performance"]["keep_memory"]:
        settings.keep_memory()
    import pytorch_lightning as pl  # this takes seconds, so only after the checks

    from adversaria.runs.library_state import for_a_run
    from lightning_modules.initial_weights import start_from
    from lightning_modules.resuming import check_resumable
    from lightning_modules.size import check_size

    settings.collect_garbage()
    settings.look_for_gpus_once()
    log.info("run folder: %s", relative_folder)
    check_size(config["model"])
    with for_a_run():
        if config["performance"]["tf32"]:
            settings.multiply_in_tf32()
        pl.seed_everything(config["seed"], workers=True, verbose=False)
        datamodule, module = _data_and_model(config)
        trainer = _trainer(config, folder, module, start)
        if config["ckpt_path"]:
            check_resumable(Path(config["ckpt_path"]), module, config["trainer"]["max_epochs"])
        elif weights := initial_weights.file_of(config):
            start_from(module, weights)
        with restoring(config["ckpt_path"]):
            trainer.fit(module, datamodule=datamodule, ckpt_path=config["ckpt_path"], weights_only=True)
        metrics = dict(trainer.callback_metrics)
        if config["test"]:
            metrics |= _test(trainer, module, datamodule, config["test"], folder)
    return objective_value(config, metrics, folder)


def _data_and_model(config: dict[str, Any]) -> tuple[Any, Any]:
    """Build the data module and the model, and check that they fit each other."""
    datamodule, module = instantiate(config["data"]), instantiate(config["model"])
    module.config = config["model"]
    module.check_data(datamodule)
    speed = config["performance"]
    if speed["channels_last"]:
        settings.channels_last(module)
    module.cuda_graphs = datamodule.cuda_graphs = speed["cuda_graphs"]
    datamodule.keep_on_gpu = speed["data_on_gpu"]
    return datamodule, module


def _trainer(config: dict[str, Any], folder: Path, module: Any, start: Start) -> pl.Trainer:
    """Build the trainer, and check that it fits the model and the sweep."""
    from adversaria.runs.checkpoint_io import AtomicCheckpointIO
    from adversaria.speed.unprofiled import Unprofiled
    from callbacks.base import in_order
    from callbacks.record.checked_start import CheckedStart
    from callbacks.record.run_record import RunRecord

    callbacks, checked = callbacks_of(config), CheckedStart(start)
    if config["test"] == "best" and not any(getattr(c, "monitor", None) for c in callbacks):
        raise ConfigError("test=best: nothing keeps the best; set callbacks.checkpoint.monitor, or test=last")
    trainer = instantiate(
        config["trainer"],
        callbacks=[checked, *in_order([*callbacks, RunRecord(config, jobs.swept())])],
        logger=instantiate_all(config.get("logger") or {}),
        plugins=[AtomicCheckpointIO()],
        default_root_dir=str(folder),
        **jobs.gpu_of_job(config["trainer"]),
    )
    checked.hold_loggers(trainer)
    if config["trainer"].get("profiler"):
        trainer.profiler.dirpath, trainer.profiler.filename = folder, "profile"
    else:
        trainer.profiler = Unprofiled()
    module.check_trainer(trainer)
    jobs.check_trainer(trainer)
    if trainer.world_size > 1:
        text = "%d processes: %d images a step; the learning rates are those of the configuration"
        log.info(text, trainer.world_size, trainer.world_size * config["data"]["batch_size"])
    on_cpu = trainer.strategy.root_device.type == "cpu" and trainer.precision == "32-true"
    if on_cpu and not jobs.in_sweep() and processes.is_first() and settings.multiplies_bfloat16():
        log.info("this processor has instructions for bfloat16: trainer.precision=bf16-mixed is faster on it")
    return trainer


def _test(trainer: pl.Trainer, module: Any, data: Any, which: str, folder: Path) -> dict[str, Any]:
    """Test the last or the best weights and print the results, in a line for a job of a sweep; return the metrics."""
    from adversaria.tools.results import print_results, print_steps, result_fields

    weights = None if which == "last" else str(folder / "checkpoints" / "best.ckpt")
    trainer.test(module, datamodule=data, ckpt_path=weights, weights_only=True, verbose=False)
    if processes.is_first():
        record = read_record(folder / METRICS)  # the callback has written it
        if jobs.in_sweep():
            log.info("%s", "  ".join(["test", *result_fields(record)]), extra={"fields": True})
        else:
            count = record["protocol"].get("n_test", record["protocol"].get("n_test_target"))
            print_results(record, f"results of the {which} weights" + (f" on {count:,} test images" if count else ""))
            print_steps(next_steps(folder, type(module)))
    return dict(trainer.callback_metrics)
