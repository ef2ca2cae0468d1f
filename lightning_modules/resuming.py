"""Whether a checkpoint fits the run that is to go on from it: checked before anything is written."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from adversaria.config.errors import CheckpointError, ConfigError, first_line
from lightning_modules.rebuild import check_weights, read_checkpoint

if TYPE_CHECKING:
    from lightning_modules.base import BaseModule

log = logging.getLogger("adversaria")


def check_resumable(file: Path, module: BaseModule, max_epochs: int) -> None:
    """Check that a checkpoint can be loaded into a module, and how far it has been trained.

    Raises:
        CheckpointError: the checkpoint cannot be read, or it is of another network.
        ConfigError: it has more epochs than the run is to have.
    """
    log.info("resuming from: %s", file)
    content = read_checkpoint(file)
    try:
        _ = content["optimizer_states"]
        done = int(content["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])
    except Exception as error:  # a part of another type
        raise CheckpointError(f"{file} is not a readable checkpoint of this project ({first_line(error)})") from error
    other = "is of another network; a resumed run keeps its own, so leave the keys of the model as they were"
    module.make_room(content["state_dict"])
    check_weights(module, content["state_dict"], file, other)
    if done > max_epochs:
        raise ConfigError(
            f"trainer.max_epochs={max_epochs}: the run has {done} epochs already; it is finished, and "
            f"trainer.max_epochs={done + 1} or more trains on"
        )
    if done == max_epochs:
        log.info("the run is finished, with all its %d epochs; trainer.max_epochs=%d or more trains on", done, done + 1)
