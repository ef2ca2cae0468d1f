"""The moment from which a run writes into its folder: data, model, trainer and checkpoint have been checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytorch_lightning as pl

from adversaria.runs import data_record
from adversaria.runs.start import Start
from callbacks.base import datamodule_of


class CheckedStart(pl.Callback):
    """Compare the data with the run's record, then save the start and let the loggers write.

    It must be the first callback.

    Args:
        start: what is to be saved.
    """

    def __init__(self, start: Start) -> None:
        self.start = start
        self.waiting_loggers: list[Any] = []

    def hold_loggers(self, trainer: pl.Trainer) -> None:
        """Take the loggers from the trainer until the start: Lightning opens their files before it sets up the data."""
        self.waiting_loggers, trainer.loggers = trainer.loggers, []

    def on_fit_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Check and save; the weights and the callbacks' states have been restored by now.

        Raises:
            DataError: the data has changed since the run was started.
        """
        folder = Path(trainer.default_root_dir)
        found: dict[str, Any] = getattr(datamodule_of(trainer), "fingerprint", dict)()
        data_record.check(folder, found)
        self.start.save()
        trainer.loggers, self.waiting_loggers = self.waiting_loggers, []
        if trainer.is_global_zero:
            data_record.write(folder, found)
