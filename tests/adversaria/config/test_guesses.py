"""What a key or choice that does not exist leads on to."""

from __future__ import annotations

import sys

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir

from adversaria.config.errors import CONF
from adversaria.config.foreign_errors import describe_error
from adversaria.tools.compose import register_resolvers


def sentence_for(*overrides: str) -> str:
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"), pytest.raises(Exception) as error:  # noqa: PT011
        hydra_compose("train", overrides=list(overrides))
    sentence = describe_error(error.value)
    assert sentence is not None
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["lr=0.1"], "did you mean model.optimizer.lr=0.1?"),
        (
            ["model=gan", "data=digits", "lr=0.1"],
            "model.discriminator.optimizer.lr=0.1 or model.generator.optimizer.lr",
        ),
        (["model.lr=0.1"], "did you mean model.optimizer.lr=0.1?"),
        (["learning_rate=0.1"], "did you mean model.optimizer.lr=0.1?"),
        (["epochs=3"], "did you mean trainer.max_epochs=3?"),
        (["batch_size=8"], "did you mean data.batch_size=8?"),
        (["dataset=celeba"], "did you mean data=celeba?"),
        (["network=wide_vae"], "did you mean model/network=wide_vae?"),
        (["loss=hinge"], "did you mean model/loss=hinge?"),
        (["trainer.max_steps=4"], "counts the steps of all optimizers, not iterations"),
        (["steps=4"], "set trainer.max_epochs"),
        (["data=cifar10"], "there are celeba, digit_pair, digits"),
        (["data=my_own"], "mnist, mnist5k"),
        (["model=stylegan"], "acgan"),
        (["model=gan", "data.root=/my/pics"], "python train.py model=gan data=folder data.root=/my/pics"),
        (["data=folder_pair", "data.root=pics"], "has two; write data.source_root=pics data.target_root=PATH"),
        (["data=./pics"], "data=folder data.root=./pics"),
        (["seed=0,1"], "seed=0,1: several values; add -m for a run with each"),
    ],
)
def test_it_leads_on(overrides: list[str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", *overrides])
    assert expected in sentence_for(*overrides)
