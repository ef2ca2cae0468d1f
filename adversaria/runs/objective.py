"""The metric by which the runs of a sweep are compared, and whether a run will have it: known before training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, get_args

from adversaria.config.errors import ConfigError, suggest
from adversaria.config.labels import DIGIT, value_keys
from adversaria.config.signatures import declares, merged_constant
from adversaria.config.types import Mode
from adversaria.runs.curves import read_metrics
from adversaria.runs.metric_wording import HIGHER, better

MONITORED = ("train", "optim", "val")  # stages whose metrics an epoch can be chosen by


@dataclass(frozen=True)
class Objective:
    """A metric, and whether the best run has its lowest (`min`) or highest (`max`) value."""

    metric: str
    mode: Mode = "min"

    @property
    def sign(self) -> int:
        """What to multiply values with so that the lowest is the best."""
        return 1 if self.mode == "min" else -1


def objective_of(config: Mapping[str, Any]) -> Objective | None:
    """Return the objective of a configuration; None for none.

    `objective` is null, `{metric: NAME, mode: min}`, or a name alone. The mode of a name is that of the checkpoint for
    the metric that this monitors; else `max` for metrics of which higher values are known to be better, and `min`.
    """
    given = config.get("objective")
    if isinstance(given, Mapping):
        return Objective(given["metric"], given.get("mode", "min"))
    if given is None:
        return None
    checkpoint = (config.get("callbacks") or {}).get("checkpoint") or {}
    same = checkpoint.get("monitor") == given and checkpoint.get("mode") in get_args(Mode)
    usual: Mode = "max" if better(given.partition("/")[2]) == HIGHER else "min"
    return Objective(given, checkpoint["mode"] if same else usual)


def objective_value(config: Mapping[str, Any], metrics: Mapping[str, Any], folder: Path) -> float | None:
    """Return the objective's value of a run; for a run that had nothing left to train, its last logged value.

    Args:
        config: the run's plain configuration.
        metrics: what the run measured, by name.
        folder: the run's folder.

    Raises:
        ConfigError: the run has no such metric.
    """
    objective = objective_of(config)
    if objective is None:
        return None
    name = objective.metric
    if name in metrics:  # without a value where it is not finite
        return math.nan if metrics[name] is None else float(metrics[name])
    file = folder / "metrics.csv"
    logged = read_metrics(file) if file.exists() else {}
    if name not in logged:
        raise ConfigError(f"objective={name}: this run has no such metric{suggest(name, {*metrics, *logged})}")
    return logged[name][1][-1]


def check_metrics(config: Mapping[str, Any], labelled: bool = True) -> None:
    """Check that a run will have the metrics that choose its best epoch and compare it with other runs.

    The classes of the model and the callbacks say in `logs` what they log. Where the model's says nothing, only what
    the trainer leaves out can be checked. In `of_target_labels` they say which of that needs labels of the target.

    Args:
        config: a plain configuration.
        labelled: whether the target of a pair has labels.

    Raises:
        ConfigError: nothing logs such a metric, or it is never measured.
    """
    monitor = ((config.get("callbacks") or {}).get("checkpoint") or {}).get("monitor")
    objective = objective_of(config)
    if config["test"] == "best" and monitor is None:
        raise ConfigError("test=best: nothing keeps the best; set callbacks.checkpoint.monitor, or test=last")
    if monitor is not None:  # before the objective, which is the same by default
        _check(monitor, "callbacks.checkpoint.monitor", config, MONITORED, labelled)
    if objective is not None and objective.metric != monitor:
        _check(objective.metric, "objective", config, (*MONITORED, "health", "perf", "test"), labelled)


def _check(name: str, key: str, config: Mapping[str, Any], stages: tuple[str, ...], labelled: bool) -> None:
    known = [pattern for pattern in logged(config) if pattern.partition("/")[0] in stages]
    if declares(config["model"]["_target_"], "logs") and not any(fnmatchcase(name, pattern) for pattern in known):
        names = [pattern for pattern in known if "*" not in pattern]
        raise ConfigError(f"{key}={name}: this run logs no such metric{suggest(name, names)}")
    if reason := _unmeasured(name.partition("/")[0], config):
        raise ConfigError(f"{key}={name} is never measured, because of {reason}; set {key}=null, or change that")
    if not labelled and any(fnmatchcase(name, pattern) for pattern in logged(config, "of_target_labels")):
        raise ConfigError(
            f"{key}={name} is never measured, because the target has no labels; set {key}=null, or give it labels"
        )


def _unmeasured(stage: str, config: Mapping[str, Any]) -> str | None:
    """Say which setting leaves the metrics of a stage out; None if they are measured."""
    trainer = config["trainer"]
    epochs, every = trainer.get("max_epochs") or 1, trainer.get("check_val_every_n_epoch") or 1
    if stage == "test" and config["test"] is None:
        return "test=null"
    if stage in ("val", "test") and trainer.get(f"limit_{stage}_batches") == 0:
        return f"trainer.limit_{stage}_batches=0"
    if stage == "val" and every > epochs:
        return f"trainer.check_val_every_n_epoch={every} with trainer.max_epochs={epochs}"
    return None


def logged(config: Mapping[str, Any], attribute: str = "logs") -> Iterator[str]:
    """Yield the metrics, as `stage/name` or patterns of them, that the model and the callbacks of a run log.

    Args:
        config: a plain configuration.
        attribute: the class attribute that says so; `of_target_labels` for those alone that need labels of the target.
    """
    network = config["model"].get("network") or {}
    values = value_keys(network.get("labels") or [DIGIT], network.get("classes"))
    for node in (config["model"], *(config.get("callbacks") or {}).values()):
        for stages, names in merged_constant(node["_target_"], attribute).items() if node else ():
            for stage in stages.split():
                for name in names.split():
                    filled = [name.replace("LABEL", value) for value in values] if "LABEL" in name else [name]
                    yield from (f"{stage}/{text}" for text in filled)
