"""Random values for random keys: a start is taken, or refused in one sentence."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adversaria.config import schema, sense
from adversaria.config.errors import UserError
from adversaria.config.foreign_errors import describe_error
from adversaria.config.instantiate import callbacks_of, instantiate, instantiate_all
from adversaria.runs.objective import check_metrics
from datamodules.preflight import preflight
from lightning_modules.size import check_size

NUMBERS = [-1, 0, 1, 2, 3, 1000, 2**31, 2**63, 10**20, 0.5, -0.5, 1.5, 1e-30, 1e6, 1e30, float("nan"), float("inf")]
TEXTS = ["", "abc", "auto", "null", "../../x", "x" * 300, "é", "a b", "/dev/null"]
OTHERS: list[Any] = [None, True, False, [], {}, [1, 2], ["a", "a"], {"a": 1}, [[]], {"_target_": "x.y"}]
VALUES = [*NUMBERS, *TEXTS, *OTHERS]
STARTS = [
    *(["model=vae"], ["model=classifier"], ["model=gan", "data=digits"], ["model=wgan"]),
    *(["model=acgan", "data=digits"], ["model=dann", "data=digits_mnist5k"], ["model=adda", "data=digits_mnist5k"]),
]
COUNT = 300


def paths(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in node.items():
        if key != "sets":  # the digit sets that are not chosen
            yield (*path, key)
            yield from paths(value, (*path, key)) if isinstance(value, dict) else ()


def start(config: dict[str, Any]) -> None:
    """Do what train.py does until the data is read."""
    schema.check(config)
    sense.check(config)
    check_metrics(config)
    preflight(config["data"], config["model"])
    check_size(config["model"])
    datamodule, module = instantiate(config["data"]), instantiate(config["model"])
    module.check_data(datamodule)
    trainer = instantiate(
        config["trainer"],
        callbacks=callbacks_of(config),
        logger=instantiate_all(config.get("logger") or {}),
        default_root_dir=config["run_dir"],
    )
    module.check_trainer(trainer)


def test_random_values_are_taken_or_refused_in_a_sentence(compose, tmp_path: Path) -> None:
    chance = random.Random(0)
    unexplained = []
    for number in range(COUNT):
        config = copy.deepcopy(compose(*STARTS[number % len(STARTS)], "trainer.accelerator=cpu", folder=tmp_path))
        path, value = chance.choice(list(paths(config))), chance.choice(VALUES)
        node = config
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = copy.deepcopy(value)
        try:
            start(config)
        except UserError as error:
            if "\n" in str(error):
                unexplained.append(f"{'.'.join(path)}={value!r}: {error}")
        except Exception as error:
            if describe_error(error) is None:
                unexplained.append(f"{'.'.join(path)}={str(value)[:40]!r}: {type(error).__name__}: {str(error)[:150]}")
    assert unexplained == [], "\n".join(unexplained)
