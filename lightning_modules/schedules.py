"""Schedules: pure functions of the iteration.

In a configuration a schedule is a partial, to which the module passes its iteration::

    model.lambda_kl: {_target_: lightning_modules.schedules.linear_warmup, _partial_: true, end: 1e-4, iterations: 5000}
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from adversaria.config.errors import ConfigError
from adversaria.config.types import NonNegative, NonNegativeInt, NonNegatives, Positive, PositiveFraction, PositiveInt

Schedule = Callable[[int], float]


def constant(iteration: int, value: NonNegative) -> float:
    """Return `value`."""
    return value


def linear_warmup(iteration: int, end: NonNegative, iterations: PositiveInt, start: NonNegative = 0.0) -> float:
    """Go from `start` to `end` in a straight line over `iterations`, then stay."""
    return start + (end - start) * min(1.0, iteration / iterations)


def cosine(iteration: int, end: NonNegative, iterations: PositiveInt, start: NonNegative = 0.0) -> float:
    """Go from `start` to `end` on a half cosine over `iterations`, then stay."""
    return end + (start - end) * half_cosine(min(1.0, iteration / iterations))


def exponential_decay(iteration: int, half_life: Positive, start: NonNegative = 1.0) -> float:
    """Start at `start` and halve every `half_life` iterations."""
    return start * 0.5 ** (iteration / half_life)


def alternating(iteration: int, values: NonNegatives, period: PositiveInt) -> float:
    """Cycle through `values`, `period` iterations each."""
    return values[iteration // period % len(values)]


def cyclical(
    iteration: int, end: NonNegative, period: PositiveInt, ramp: PositiveFraction = 0.5, start: NonNegative = 0.0
) -> float:
    """Rise from `start` to `end` in the first `ramp` part of every `period`, then hold (Fu et al. 2019)."""
    return start + (end - start) * min(1.0, (iteration % period) / (ramp * period))


def piecewise(
    iteration: int, milestones: list[tuple[NonNegativeInt, NonNegative | Schedule]], scale: Positive = 1.0
) -> float:
    """Return the value of the last milestone reached; a milestone may hold a schedule, which counts from it.

    Args:
        iteration: the iteration.
        milestones: pairs of a piece's first iteration and its value or schedule, in any order; one must start at 0.
        scale: multiplies time: with 0.1 a table written for 50,000 iterations runs in 5,000.

    Raises:
        ConfigError: no piece covers the iteration.
    """
    time = iteration / scale
    reached = [pair for pair in milestones if pair[0] <= time]
    if not reached:
        raise ConfigError("schedules.piecewise: milestones have no value at iteration 0; add a pair that starts at 0")
    start, piece = max(reached, key=lambda pair: pair[0])
    return piece(int(time - start)) if callable(piece) else piece


def as_schedule(value: float | Schedule) -> Schedule:
    """Return a schedule as it is, once it has given its first value, and a number as a constant schedule."""
    if not callable(value):
        return functools.partial(constant, value=value)
    value(0)
    return value


def dann_ramp(progress: float, gamma: NonNegative = 10.0) -> float:
    """Rise from 0 towards 1 with the progress of the training, 2 / (1 + exp(-γ p)) - 1; 1 throughout for γ = 0.

    Ganin et al. 2016, section 5.2.2.
    """
    return 2 / (1 + math.exp(-gamma * progress)) - 1 if gamma else 1.0


def half_cosine(progress: float) -> float:
    """Fall from 1 to 0 with the progress of the training on a half cosine (Loshchilov & Hutter 2017, equation 5)."""
    return 0.5 * (1 + math.cos(math.pi * progress))
