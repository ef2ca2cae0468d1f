"""The scalars of a run, read from its metrics.csv and smoothed for the eye."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from adversaria.config.renamed import METRICS

if TYPE_CHECKING:  # a tenth of a second of each start
    import numpy as np

SMOOTHING = 0.9  # from one value to the next in the averages, unless a run has another
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
    """Return an average of (n,) values that does not lag behind them: (n,) -> (n,).

    At each value it is a straight line fitted to the values on both sides (local linear regression), with weights that
    fall by the factor `weight` from one to the next. A short curve is averaged less: over a tenth of its length.
    """
    import numpy as np

    count = len(values)
    weight = min(weight, 1 - 10 / max(count, 10))
    if weight <= 0:
        return np.array(values, dtype=float)
    reach = min(count - 1, int(np.ceil(7 / (1 - weight))))  # beyond, a weight is below a thousandth
    offsets = np.arange(-reach, reach + 1)

    def total(of: np.ndarray, power: int) -> np.ndarray:
        kernel = (-offsets.astype(float)) ** power * weight ** np.abs(offsets)
        return np.convolve(of, kernel)[reach : reach + count]

    ones = np.ones(count)
    s0, s1, s2 = (total(ones, power) for power in range(3))
    t0, t1 = (total(np.asarray(values, dtype=float), power) for power in range(2))
    return np.asarray((s2 * t0 - s1 * t1) / (s2 * s0 - s1**2))
