"""The record of a run: its architecture, metrics.json, environment.json, and TensorBoard's text and hparams tabs.

architecture.json holds the networks and implementation details by key, architecture.txt the same for people.
environment.json has an entry for each time the run was started or resumed.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytorch_lightning as pl
from omegaconf import OmegaConf
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from torch.utils.tensorboard.writer import SummaryWriter

from adversaria.runs import data_record
from adversaria.runs.architecture import architecture, as_text
from adversaria.runs.environment import environment_of
from adversaria.runs.metric_wording import in_order
from adversaria.runs.objective import objective_of
from adversaria.runs.record import ARCHITECTURE, METRICS, measured, read_json, record_of, write_record
from adversaria.runs.whole_files import discard_unfinished, replace_text
from callbacks.base import datamodule_of
from callbacks.figures.base import tensorboard_writers
from callbacks.record import hyperparameters

log = logging.getLogger(__name__)


class RunRecord(pl.Callback):
    """Write what a reader needs to understand and repeat the run. Its place among other callbacks does not matter.

    Args:
        config: the whole plain configuration of the run.
        swept: the keys that its sweep varies, with their values in this job; none for a run of its own.
    """

    def __init__(self, config: dict[str, Any], swept: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.config, self.swept = config, swept
        self._start = time.time()
        self._before = 0.0  # seconds of earlier attempts, up to the checkpoint that this one goes on from

    def _seconds(self) -> float:
        return self._before + time.time() - self._start

    def state_dict(self) -> dict[str, Any]:
        """Return the time of all attempts so far."""
        return {"seconds": self._seconds()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on counting from there."""
        self._before = state["seconds"]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write environment and architecture; tell TensorBoard where a resumed run goes on."""
        if not trainer.is_global_zero:
            return
        folder = Path(trainer.default_root_dir)
        discard_unfinished(folder)
        file = folder / "environment.json"
        attempts = read_json(file, [])
        attempts.append({**environment_of(trainer), "seed": self.config["seed"]})
        replace_text(file, json.dumps(attempts, indent=2) + "\n")
        found = architecture(trainer, pl_module, datamodule_of(trainer))
        replace_text(folder / ARCHITECTURE, json.dumps(found, indent=2, default=str) + "\n")
        replace_text(folder / "architecture.txt", as_text(found))
        texts = {"config": OmegaConf.to_yaml(OmegaConf.create(self.config)), "architecture": as_text(found)}
        for writer in tensorboard_writers(trainer):
            for name, text in texts.items():
                writer.add_text(name, f"```\n{text}```", pl_module.iteration)
            if pl_module.iteration:
                restart(writer, pl_module.iteration + 1)

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write metrics.json and the hparams tab."""
        if not trainer.is_global_zero:
            return
        record = record_of(trainer, pl_module, weights=self.config["test"], seed=self.config["seed"])
        folder = Path(trainer.default_root_dir)
        record |= {"epochs": trainer.current_epoch, "data_digests": data_record.digests(folder)}
        record["seconds"] = round(self._seconds())
        write_record(folder / METRICS, record)
        for writer in tensorboard_writers(trainer):
            columns = hyperparameters.hyperparameters(self.config, folder, self.swept)
            first = map(hyperparameters.column, self.swept) if self.swept else hyperparameters.FIRST
            hyperparameters.write(writer, columns, first, self._compared(trainer), pl_module.iteration)

    def _compared(self, trainer: pl.Trainer) -> list[str]:
        """Return the metrics by which runs are compared: the objective first."""
        objective = objective_of(self.config)
        tested = in_order(name.removeprefix("test/") for name in measured(trainer))
        return list(dict.fromkeys([*([objective.metric] if objective else []), *(f"test/{name}" for name in tested)]))


def restart(writer: SummaryWriter, step: int) -> None:
    """Let TensorBoard forget what was logged at a step and later: an interrupted attempt, which is repeated from there.

    The writer must have written something: only then does it have a file.
    """
    assert writer.file_writer is not None
    writer.file_writer.add_event(Event(session_log=SessionLog(status=SessionLog.START)), step=step)
