"""Evaluate a trained model, as at the end of its training or with other data or metrics."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from hydra.utils import get_class

from adversaria.config.errors import ConfigError, UserError
from adversaria.config.instantiate import callbacks_of, instantiate
from adversaria.config.types import Split
from adversaria.runs import run_folder
from adversaria.runs.record import METRICS, append_evaluation, record_of
from adversaria.speed import settings
from adversaria.tools.configuration import choose_device, configuration_for
from adversaria.tools.model_errors import model_errors
from adversaria.tools.next_steps import next_steps


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to evaluate, on which data, by which metrics.

    Attributes:
        run: a run folder, or a checkpoint.
        checkpoint: which checkpoint of a run folder.
        overrides: `key=value` with settings of data, callbacks or trainer.
        split: the split to evaluate on; None for the test split.
        data: another data set, a choice of conf/data; a checkpoint that is in no run folder needs it.
        root: another folder of the data.
        metrics: of generated images; None for the run's.
        batch_size: images at a time; None for the run's.
        output: the file to append to; None for the run's metrics.json.
        device: `auto`, `cpu` or `cuda`.
    """

    run: Path
    checkpoint: Literal["last", "best"] = "last"
    overrides: Sequence[str] = ()
    split: Split | None = None
    data: str | None = None
    root: str | None = None
    metrics: str | None = None
    batch_size: int | None = None
    output: Path | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"


def evaluated(options: Options) -> tuple[dict[str, Any], Path | None, dict[str, str]]:
    """Evaluate as options say; return the record, the file that it belongs to, if any, and what can be done next.

    Raises:
        UserError: as of `evaluate` and `adversaria.tools.configuration.configuration_for`.
    """
    size = [] if options.batch_size is None else [f"data.batch_size={options.batch_size}"]
    chosen = (options.checkpoint, options.data, options.root, options.metrics, [*size, *options.overrides])
    folder, file, config = configuration_for(options.run, *chosen)
    record = evaluate(config, file, options.split, options.device)
    steps = next_steps(folder, get_class(config["model"]["_target_"])) if folder else {}
    return record, options.output or (folder and folder / METRICS), steps


def evaluate(config: dict[str, Any], file: Path, split: Split | None = None, device: str = "auto") -> dict[str, Any]:
    """Evaluate the weights of a checkpoint as a configuration says.

    Args:
        config: a configuration as `adversaria.tools.configuration` returns it. Of its callbacks, only those that add
            test metrics are used.
        file: the checkpoint.
        split: the split to evaluate on; None for the test split, or the split that a callback is configured with.
        device: `auto`, `cpu` or `cuda`.

    Returns:
        A record with `time`, `metrics`, their `protocol`, and `seconds`.

    Raises:
        CheckpointError: the checkpoint cannot be read, or its model cannot be used.
        ConfigError: the data does not fit the model, nothing is measured, or there is no such device.
    """
    start = time.time()
    if config["performance"]["keep_memory"]:
        settings.keep_memory()
    import pytorch_lightning as pl

    import lightning_modules
    from adversaria.runs.library_state import for_a_run

    settings.collect_garbage()
    with for_a_run():
        if config["performance"]["tf32"]:
            settings.multiply_in_tf32()
        pl.seed_everything(config["seed"], workers=True, verbose=False)
        module = lightning_modules.load(file)
        with model_errors(file):
            record = _record(config, module, file, split, device)
    return {"time": time.strftime("%Y-%m-%d %H:%M:%S"), **record, "seconds": round(time.time() - start)}


def _record(config: dict[str, Any], module: Any, file: Path, split: Split | None, device: str) -> dict[str, Any]:
    datamodule = instantiate(config["data"])
    module.check_data(datamodule)
    if config["performance"]["channels_last"]:
        settings.channels_last(module)
    if split is not None:
        datamodule.test_split = split
    with tempfile.TemporaryDirectory() as scratch:  # for pictures that callbacks draw
        trainer = _trainer(config, split, device, scratch)
        trainer.test(module, datamodule=datamodule, verbose=False)
    weights = file.stem if file.parent.name == "checkpoints" else str(file)
    record = record_of(trainer, module, split=datamodule.test_split, weights=weights, seed=config["seed"])
    if not record["metrics"]:
        raise ConfigError(
            "nothing was measured: no image was tested, or no callback has metrics of this model; leave out "
            "trainer.limit_test_batches, and the callbacks that were set to null"
        )
    return record


def _trainer(config: dict[str, Any], split: Split | None, device: str, folder: str) -> Any:
    """Build a trainer for one device, with only the callbacks that add test metrics and the progress bar."""
    import pytorch_lightning as pl

    from callbacks.metrics.base import TestMetricCallback

    callbacks = callbacks_of(config, TestMetricCallback, pl.callbacks.ProgressBar)
    metrics = [c for c in callbacks if isinstance(c, TestMetricCallback)]
    if split is not None:
        for callback in metrics:
            callback.split = split
    single = {"accelerator": choose_device(device).type, "devices": 1, "num_nodes": 1, "strategy": "auto"}
    return instantiate(
        {**config["trainer"], **single},
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        default_root_dir=folder,
    )


def append_to(file: Path, record: dict[str, Any], lock: bool) -> None:
    """Append an evaluation to a metrics.json.

    Args:
        file: the file, which is created if it does not exist.
        record: the evaluation.
        lock: whether the file is in a run folder, which is locked meanwhile.

    Raises:
        UserError: the file cannot be read or written.
    """
    try:
        with run_folder.locked(file.parent) if lock else contextlib.nullcontext():
            append_evaluation(file, record)
    except (UserError, OSError) as error:
        raise UserError(
            f"the metrics above could not be written to {file} ({error}); choose another file with --output FILE"
        ) from error
