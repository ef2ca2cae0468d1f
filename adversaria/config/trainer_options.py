"""What the options of a trainer cannot mean, alone or together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from adversaria.config.devices import check_trainer
from adversaria.config.errors import ConfigError


def check_options(trainer: Mapping[str, Any]) -> None:
    """Check the options of a trainer.

    Raises:
        ConfigError: naming the key, and the cure.
    """
    if trainer.get("limit_train_batches") == 0:
        raise ConfigError("trainer.limit_train_batches=0: nothing to train on; evaluate.py only measures")
    check_trainer(trainer)
    least, most = trainer.get("min_epochs"), trainer.get("max_epochs")
    if least is not None and most is not None and least > most:
        raise ConfigError(f"trainer.min_epochs={least} is above trainer.max_epochs={most}; raise max_epochs")
    _check_time(trainer.get("max_time"))


def _check_time(time: Any) -> None:
    if isinstance(time, str):
        if not re.fullmatch(r"\d{1,6}(:\d{1,2}){3}", time):
            raise ConfigError(f"trainer.max_time={time}: expected days:hours:minutes:seconds, e.g. 00:01:30:00")
        parts = [int(part) for part in time.split(":")]
    elif time is not None:
        known = ("weeks", "days", "hours", "minutes", "seconds")
        if set(time) - set(known):
            raise ConfigError(f"trainer.max_time={time}: expected keys of {', '.join(known)}")
        parts = list(time.values())
    if time is not None and (not any(parts) or min(parts) < 0):
        raise ConfigError(f"trainer.max_time={time}: there is no time to train; give more, or null for no limit")
