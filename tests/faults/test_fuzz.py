"""Random overrides of random keys, as they could be typed: a start is taken, or refused in one sentence."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from adversaria.config import schema, sense
from adversaria.config.as_typed import as_hydra_reads
from adversaria.config.composition import composition
from adversaria.config.containers import plain, set_key
from adversaria.config.errors import UserError
from adversaria.config.foreign_errors import describe_error
from adversaria.config.instantiate import callbacks_of, instantiate, instantiate_all
from adversaria.config.renamed import renamed_arguments
from adversaria.runs.objective import check_metrics
from adversaria.runs.resumed_command import command_line
from adversaria.tools.compose import register_resolvers
from datamodules.preflight import preflight
from lightning_modules.size import check_size

NUMBERS = (
    *("-1", "0", "1", "2", "3", "1000", "2147483648", "9223372036854775808", "100000000000000000000", "0.5", "-0.5"),
    *("1.5", "1e-30", "1e6", "1e30", "1e400", "nan", "inf", "-inf", "1_000", "0x10", "007", ".5", "5.", "1,5", "+3"),
)
TEXTS = (
    *("", "''", "abc", "auto", "null", "None", "~", "true", "False", "yes", "../../x", "x" * 300, "é", "a b", "'a b'"),
    *("/dev/null", "~/x", "a=b", "${seed}", "${nothing}", "${oc.env:HOME}", "$x", "it's", '"', "%", "\\", "😀", "a\tb"),
    *("'3'", "'true'", "-", "--", "#", "@", "!", "*", "?", "a:b", "{", "[", "(", "x(1)", "range(3)", "[1,2", "{a:1"),
)
OTHERS = (
    *("[]", "{}", "[1,2]", "[a,a]", "{a:1}", "[[]]", "{_target_:x.y}", "{_target_:os.system}", "[null]", "1,2", "a,b"),
    *("choice(1,2)", "[0.5,1]", "[1,0]", "[-1,1]", "{1:2}", "[1,[2,[3]]]", "glob(*)"),
)
VALUES = (*NUMBERS, *TEXTS, *OTHERS)
STARTS = [
    *(["model=vae"], ["model=classifier"], ["model=gan", "data=digits", "metrics=none"], ["model=wgan"]),
    *(
        ["model=acgan", "data=digits", "metrics=none"],
        ["model=dann", "data=digits_mnist5k"],
        ["model=adda", "data=digits_mnist5k"],
    ),
]
GROUPS = (
    *("model", "data", "trainer", "callbacks", "metrics", "experiment", "logger", "sweep", "hydra/launcher"),
    *("model/network", "model/update", "model/optimizer@model.optimizer", "data/augmentation"),
)
COUNT = 300
WITHOUT_PAIR = 5  # the first starts, which are composed in a third of the time


def keys(node: Any, prefix: str = "") -> Iterator[str]:
    for key, value in node.items():
        if key != "sets":  # the digit sets that are not chosen
            yield f"{prefix}{key}"
            yield from keys(value, f"{prefix}{key}.") if isinstance(value, dict) else ()


def odd(chance: random.Random, known: list[str]) -> str:
    """Return an override of a group, of a key that is not there, or with one of Hydra's signs."""
    key = chance.choice(known) if chance.random() < 0.6 else chance.choice(GROUPS)
    if chance.random() < 0.3:  # a slip
        place = chance.randrange(len(key))
        key = chance.choice((key[:place] + key[place + 1 :], key[:place] + "." + key[place:], f"{key}.x", key.upper()))
    sign = chance.choice(("", "", "+", "++", "~"))
    if sign == "~" and chance.random() < 0.7:
        return f"~{key}"
    return f"{sign}{key}={chance.choice(VALUES)}"


def composed(arguments: list[str]) -> dict[str, Any]:
    """Compose a command line as train.py does."""
    overrides = command_line(as_hydra_reads(renamed_arguments(arguments)))
    config = composition(*overrides, "run_dir=unused").plain()
    schema.check(config)
    sense.check(config, overrides)
    return config


def changed(config: dict[str, Any], override: str) -> dict[str, Any]:
    """Set a key of a composed configuration as evaluate.py does, which takes a tenth of the time."""
    node = OmegaConf.create(config)
    for argument in as_hydra_reads([override]):
        set_key(node, argument, "this run")
    config = plain(node)
    schema.check(config)
    sense.check(config, [override])
    return config


def start(config: dict[str, Any]) -> None:
    """Do what train.py does with a configuration until the data is read."""
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


def sentence_of(error: Exception) -> str | None:
    return str(error) if isinstance(error, UserError) else describe_error(error)


def test_what_is_typed_is_taken_or_refused_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    register_resolvers()
    chance = random.Random(0)
    starts = [[*choices, "trainer.accelerator=cpu", "name=fuzz"] for choices in STARTS]
    bases = [composed(arguments) for arguments in starts]
    known = [sorted(keys(config)) for config in bases]
    unexplained = []
    for number in range(COUNT):
        whole = number % 4 == 0
        which = number % (WITHOUT_PAIR if whole else len(STARTS))
        override = odd(chance, known[which]) if whole else f"{chance.choice(known[which])}={chance.choice(VALUES)}"
        try:
            start(composed([*starts[which], override]) if whole else changed(bases[which], override))
        except Exception as error:
            sentence = sentence_of(error)
            if sentence is None or not re.fullmatch(r"\S.+\S", sentence):
                unexplained.append(f"{override[:80]}: {type(error).__name__}: {str(error)[:200]!r}")
        finally:
            GlobalHydra.instance().clear()
    assert unexplained == [], "\n".join(unexplained)
