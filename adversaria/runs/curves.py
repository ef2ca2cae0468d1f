"""The scalars of a run, read from its metrics.csv and smoothed for the eye."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from adversaria.config.renamed import METRICS

if TYPE_CHECKING:  # a tenth of a second of each start
    import numpy as np

SMOOTHING = 0.9  # weight of the past in the moving average, unless a run has another
Curves = dict[str, tuple[list[int], list[float]]]  # metric -> iterations and values


def read_metrics(file: Path) -> Curves:
    """Return `metric -> (iterations, values)` of a metrics.csv, joined where a run was resumed.

    A run killed after its last checkpoint repeats some iterations; the repeated ones replace the lost attempt's.
    A last line cut short by a crash is ignored.
    """
    curves: Curves = {}
    with file.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(line for line in stream if line.endswith("\n")):
            try:
                name, iteration, value = (
                    METRICS.get(row["metric"], row["metric"]),
                    int(row["iteration"]),
                    float(row["value"]),
                )
            except (KeyError, TypeError, ValueError):
                continue
            iterations, values = curves.setdefault(name, ([], []))
            while iterations and iterations[-1] >= iteration:
                iterations.pop()
                values.pop()
            iterations.append(iteration)
            values.append(value)
    return curves


def smooth(values: np.ndarray, weight: float) -> np.ndarray:
    """Return the exponential moving average, corrected for its start: (n,) -> (n,)."""
    import numpy as np

    average, result = 0.0, np.empty(len(values))
    for i, value in enumerate(values):
        average = weight * average + (1 - weight) * value
        result[i] = average / (1 - weight ** (i + 1))
    return result
