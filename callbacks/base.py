"""What callbacks share: the methods that they need of a model, their place among others, and the data of a run."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytorch_lightning as pl

from adversaria.config.errors import ConfigError


class ModelCallback(pl.Callback):
    """A callback that asks a model for certain methods. A model without them is an error before training starts.

    Attributes:
        needs: the protocol (`lightning_modules.protocols`) that the model must have.
        key: the callback's key in the configuration, to name in errors; None if it was built in Python.
        after_others: whether its hooks use what those of other callbacks have logged; see `in_order`.
    """

    needs: type = object
    key: str | None = None
    after_others = False

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model has what this callback needs.

        Raises:
            ConfigError: it has not.
        """
        if not isinstance(pl_module, self.needs):
            cure = "leave it out" + ("" if self.key is None else f" with {self.place}=null")
            kind, article = self.needs.__name__, "an" if self.needs.__name__[0] in "AEIOUaeiou" else "a"
            raise ConfigError(
                f"{self.place} needs a model that is {article} {kind}, and {type(pl_module).__name__} is not; {cure}"
            )

    @property
    def place(self) -> str:
        """How errors name it: by its key in the configuration, or by its class."""
        return type(self).__name__ if self.key is None else f"callbacks.{self.key}"


def in_order(callbacks: Iterable[pl.Callback]) -> list[pl.Callback]:
    """Put callbacks whose `after_others` is true behind the others, which keep their order.

    The order in a configuration then never matters. (Lightning moves checkpoint callbacks to the very end itself.)
    """
    return sorted(callbacks, key=lambda callback: bool(getattr(callback, "after_others", False)))


def loggers_of(trainer: pl.Trainer) -> list[Any]:
    """Return the loggers of a trainer, also those that write from the start of the fit on only; see `CheckedStart`."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]  # set outside Trainer's class body
    waiting = [logger for callback in callbacks for logger in getattr(callback, "waiting_loggers", [])]
    return [*trainer.loggers, *waiting]


def add_metrics(module: Any, stage: str, values: dict[str, Any]) -> None:
    """Add metrics of a whole epoch to a model's, from a hook at the epoch's end.

    They are published at once, so that it does not matter whether the model's own hook, which publishes too, comes
    before or after the callback's.
    """
    module.record(stage, values)
    module.publish(stage)


def datamodule_of(trainer: pl.Trainer) -> Any:
    """Return the data module of a run.

    Raises:
        ConfigError: the trainer was given loaders instead.
    """
    datamodule = getattr(trainer, "datamodule", None)  # which Lightning sets without declaring it
    if datamodule is None:
        raise ConfigError("the callbacks need a data module: call trainer.fit(module, datamodule=...)")
    return datamodule
