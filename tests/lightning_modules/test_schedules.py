import functools
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from lightning_modules.schedules import (
    alternating,
    as_schedule,
    constant,
    cosine,
    cyclical,
    exponential_decay,
    linear_warmup,
    piecewise,
)


def test_constant_and_numbers() -> None:
    assert constant(0, 0.3) == constant(10**9, 0.3) == 0.3
    assert as_schedule(0.3)(17) == 0.3
    schedule = functools.partial(constant, value=0.2)
    assert as_schedule(schedule) is schedule


def test_linear_warmup() -> None:
    assert [linear_warmup(i, end=1.0, iterations=4) for i in (0, 1, 2, 4, 99)] == [0, 0.25, 0.5, 1, 1]
    assert linear_warmup(2, end=3.0, iterations=4, start=1.0) == 2.0


def test_cosine_goes_slowly_at_its_ends_and_stays() -> None:
    values = [cosine(i, start=1.0, end=0.1, iterations=6) for i in (0, 2, 3, 4, 6, 99)]
    assert values == pytest.approx([1, 0.1 + 0.9 * 0.75, 0.55, 0.1 + 0.9 * 0.25, 0.1, 0.1])
    assert cosine(2, end=8.0, iterations=4) == pytest.approx(4)


def test_exponential_decay_halves_every_half_life() -> None:
    assert [exponential_decay(i, half_life=10) for i in (0, 10, 20, 40)] == [1, 0.5, 0.25, 0.0625]
    assert [exponential_decay(i, half_life=4, start=8.0) for i in (0, 4, 8)] == [8, 4, 2]
    assert exponential_decay(5, half_life=10) == pytest.approx(2**-0.5)


def test_exponential_decay_falls_in_every_iteration_and_never_below_zero() -> None:
    values = [exponential_decay(i, half_life=2.5) for i in range(1000)]
    assert all(a > b > 0 for a, b in itertools.pairwise(values))
    assert exponential_decay(10**9, half_life=1.0) == 0


def test_alternating() -> None:
    assert [alternating(i, [1.0, 2.0], period=2) for i in range(6)] == [1, 1, 2, 2, 1, 1]


def test_cyclical() -> None:
    values = [cyclical(i, end=1.0, period=8, ramp=0.5) for i in range(10)]
    assert values == [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 0, 0.25]


@given(iteration=st.integers(0, 10**7), period=st.integers(1, 10**5), end=st.floats(0, 1))
def test_cyclical_stays_between_its_ends(iteration: int, period: int, end: float) -> None:
    assert 0 <= cyclical(iteration, end, period) <= end


def test_piecewise_by_hand() -> None:
    table = [(0, 1.0), (20, functools.partial(alternating, values=[5.0, 6.0], period=3)), (10, 2.0)]
    assert [piecewise(i, table) for i in (0, 9, 10, 19, 20, 22, 23, 26)] == [1, 1, 2, 2, 5, 5, 6, 5]


def test_piecewise_scales_time() -> None:
    table = [(0, 1.0), (100, 2.0), (300, 3.0)]
    assert [piecewise(i, table, scale=0.1) for i in (0, 9, 10, 29, 30)] == [1, 1, 2, 2, 3]


def test_piecewise_without_a_start_is_an_error() -> None:
    with pytest.raises(ConfigError, match="starts at 0"):
        as_schedule(functools.partial(piecewise, milestones=[(5, 1.0)]))


def test_report_b_table_runs_as_written(compose) -> None:
    schedule = instantiate(compose("experiment=report_b/vae")["model"]["lambda_kl"])
    steps = [0, 17_999, 18_000, 22_000, 23_000, 24_000, 30_000, 38_000, 48_000, 52_000, 10**6]
    expected = [1e-5, 1e-5, 1e-6, 1e-5, 1e-6, 1e-5, 5e-6, 9e-6, 1e-5, 1e-4, 1e-4]
    assert [schedule(i) for i in steps] == expected
