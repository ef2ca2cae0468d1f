"""The metric of a run that a sweeper minimises."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from adversaria.config.errors import ConfigError, suggest
from adversaria.runs.curves import read_metrics


def objective(name: str | None, metrics: Mapping[str, Any], folder: Path) -> float | None:
    """Return the metric that a sweeper minimises; for a run that had nothing left to train, its last logged value.

    Raises:
        ConfigError: the run has no such metric.
    """
    if name is None:
        return None
    if name in metrics:
        return float(metrics[name])
    file = folder / "metrics.csv"
    logged = read_metrics(file) if file.exists() else {}
    if name not in logged:
        raise ConfigError(f"objective={name}: this run has no such metric{suggest(name, {*metrics, *logged})}")
    return logged[name][1][-1]
