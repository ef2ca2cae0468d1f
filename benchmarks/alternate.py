"""Run variants in turn, A B C A B C …, and print medians and ratios: what disturbs one disturbs all."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping


def alternate(variants: Mapping[str, Callable[[], float]], rounds: int, unit: str, against: str) -> None:
    """Measure each variant once a round; print median, spread, and the median ratio of a round to `against`."""
    samples: dict[str, list[float]] = {name: [] for name in variants}
    for i in range(rounds):
        for name, measure in variants.items():
            samples[name].append(measure())
            print(f"round {i + 1}/{rounds}  {name:<28} {samples[name][-1]:>12,.4g} {unit}", flush=True)
    print(f"\n{'':<28} {'median':>12} {'min':>12} {'max':>12}   ratio to {against}")
    for name, values in samples.items():
        ratio = statistics.median(v / base for v, base in zip(values, samples[against], strict=True))
        middle = statistics.median(values)
        print(f"{name:<28} {middle:>12,.4g} {min(values):>12,.4g} {max(values):>12,.4g}   {ratio:.3f}")
