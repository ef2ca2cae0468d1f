"""What a sweep has before it, from the command line that Hydra keeps in `multirun.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, product
from math import prod
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Transformer

from adversaria.config.loaded import read_yaml

PLAN = "multirun.yaml"
MOST = 10_000  # jobs of a plan that are told one by one


def key_of(override: Override) -> str:
    """Return the key that an override sets, with its package: `model/update@model.generator`."""
    return override.get_key_element().lstrip("+~")


def overrides_of(sweeper: Any, task: Sequence[str]) -> list[Override]:
    """Return the overrides of a sweep: those of its sweeper, and those of the command line, which count before them."""
    params = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()]
    parsed = OverridesParser.create().parse_overrides([*params, *task])
    return list({key_of(override): override for override in parsed}.values())


def planned(folder: Path) -> tuple[int | None, list[dict[str, str]]]:
    """Return how many jobs a sweep will have, and the values that each varies; None, or no values, where unknown.

    A search does not know its values, only their number.
    """
    try:
        hydra = read_yaml(folder / PLAN, within=folder)["hydra"]
        swept = [o for o in overrides_of(hydra["sweeper"], hydra["overrides"]["task"]) if o.is_sweep_override()]
        if "n_trials" in hydra["sweeper"]:
            return int(hydra["sweeper"]["n_trials"]), []
        values = [[str(value) for value in o.sweep_iterator(transformer=Transformer.encode)] for o in swept]
    except Exception:  # no such file, or a sweep over what Hydra alone can list
        return None, []
    keys = [key_of(override) for override in swept]
    every = [dict(zip(keys, chosen, strict=True)) for chosen in islice(product(*values), MOST)]
    return prod(map(len, values)), every
