import functools
import importlib.util
import sys
from types import ModuleType

import pytest

from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate, locate
from adversaria.config.places import kinds_of

SOURCE = """
import os
from functools import partial
from dataclasses import dataclass

@dataclass
class Pair:
    left: object
    right: object = None

class add:
    def __new__(cls, a, b=0):
        return a + b

class take:
    def __new__(cls, **given):
        return given

class fail:
    def __new__(cls):
        return len(5)

class fail_in_a_call:
    def __new__(cls):
        return add("a", 1)

class divide:
    def __new__(cls, a):
        return a / 0

constant = 3
"""


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    """A module `callbacks.parts` with the targets of these tests."""
    module = ModuleType("callbacks.parts")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(SOURCE, vars(module))
    return module


def node(name, **arguments):
    return {"_target_": f"callbacks.parts.{name}", **arguments}


def test_a_target_is_called_with_the_other_keys(parts):
    assert instantiate(node("Pair", left=1, right="x")) == parts.Pair(1, "x")
    assert instantiate(node("add", a=2, b=3)) == 5


def test_arguments_are_built_first_at_any_depth(parts):
    built = instantiate(
        node(
            "Pair",
            left=node("Pair", left=node("add", a=1, b=2)),
            right={"list": [node("add", a=5), {"deep": node("add", a=6)}], "plain": None},
        )
    )
    assert built == parts.Pair(parts.Pair(3), {"list": [5, {"deep": 6}], "plain": None})


@pytest.mark.parametrize("plain", [None, 3, 0.5, "callbacks.parts.add", [1, [2]], {"a": {"b": [1]}, 3: 4}, [], {}])
def test_plain_data_is_returned_as_it_is(plain):
    assert instantiate(plain) == plain


def test_containers_are_new_and_the_configuration_is_left_alone():
    config = node("take", values=[1, node("add", a=1)])
    built = instantiate(config)
    built["values"].append("more")
    assert config == node("take", values=[1, node("add", a=1)])


def test_a_list_of_targets_becomes_a_list_of_objects():
    assert instantiate([node("add", a=1), node("add", a=2), 3]) == [1, 2, 3]


def test_a_partial_waits_for_the_rest_of_the_arguments():
    built = instantiate(node("add", _partial_=True, b=10))
    assert isinstance(built, functools.partial)
    assert built(1) == 11
    assert instantiate(node("add", _partial_=False, a=1, b=10)) == 11


def test_a_partial_may_be_nested(parts):
    pair = instantiate(node("Pair", left=node("add", _partial_=True, b=node("add", a=3))))
    assert pair.left(4) == 7


def test_extra_arguments_go_to_the_outermost_target_and_win():
    built = instantiate(node("take", a=1, b=node("take", c=2)), b="replaced", d=[3])
    assert built == {"a": 1, "b": "replaced", "d": [3]}
    assert instantiate(node("take", inner=node("take", c=2)), d=3) == {"inner": {"c": 2}, "d": 3}
    assert instantiate(node("add", _partial_=True, a=1), b=5)() == 6


def test_extra_arguments_are_not_built():
    assert instantiate(node("take"), a=node("add", a=1)) == {"a": node("add", a=1)}


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "subprocess.Popen",
        "torch.load",
        "torch.hub.load",
        "importlib.import_module",
        "callbacksx.parts.add",
        "lightning_modules",
        "",
        5,
        None,
        ["os.system"],
    ],
)
def test_targets_outside_the_allowed_packages_are_refused(target):
    with pytest.raises(ConfigError, match=r"is not allowed; a target lives under datamodules"):
        instantiate({"_target_": target, "command": "true"})


@pytest.mark.parametrize(
    "target",
    [
        "callbacks.parts.os",
        "callbacks.parts.os.system",
        "callbacks.parts.partial",
        "callbacks.parts.constant",
        "callbacks.parts.__builtins__",
        "lightning_modules.vae.torch",
        "lightning_modules.vae.torch.load",
        "lightning_modules.vae.Any",
        "adversaria.runs.run_folder.OmegaConf",
        "adversaria.config.errors.CONF",
        "adversaria.config.errors.sys.exit",
        "torch.nn.functional.torch.load",
    ],
)
def test_targets_reached_through_the_imports_of_a_module_are_refused(target):
    with pytest.raises(ConfigError, match="_target_"):
        locate(target)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("callbacks.parts.ad", "callbacks.parts has no ad; did you mean add"),
        ("callbacks.parts.pair", "callbacks.parts has no pair; did you mean Pair"),
        ("callbacks.partz.add", "there is no module callbacks.partz for callbacks.partz.add"),
        ("torch.optim.AdamWW", "did you mean AdamW"),
    ],
)
def test_an_unknown_name_is_explained(target, expected):
    with pytest.raises(ConfigError) as error:
        locate(target)
    assert expected in str(error.value)


def test_allowed_targets_are_found(parts):
    import torch

    assert locate("callbacks.parts.Pair") is parts.Pair
    assert locate("torch.nn.Linear") is torch.nn.Linear
    assert locate("torch.optim.AdamW") is torch.optim.AdamW
    assert kinds_of("datamodules.images.ImagesDataModule") == ("class",)
    assert kinds_of("datamodules_of_another.Project") == ()


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (node("add", a=1, c=2), "callbacks.parts.add: .*unexpected keyword argument 'c'"),
        (node("add"), "callbacks.parts.add: .*'a'"),
        (node("Pair", left=1, lef=1), "callbacks.parts.Pair: .*'lef'"),
        (
            {"_target_": "torch.nn.Linear", "in_features": 1, "out_features": 1, "inputs": 3},
            "torch.nn.Linear: .*'inputs'",
        ),
        ({"_target_": "pytorch_lightning.Trainer", "max_epoch": 3}, "pytorch_lightning.Trainer: .*'max_epoch'"),
        ({"_target_": "torch.optim.AdamW", "_partial_": True, "momentum": 0.9}, "torch.optim.AdamW: .*'momentum'"),
    ],
    ids=["unknown", "missing", "of a class", "of torch", "of Lightning", "of a partial"],
)
def test_arguments_that_the_target_does_not_take_are_a_config_error(config, expected):
    with pytest.raises(ConfigError, match=expected):
        instantiate(config)


@pytest.mark.parametrize(
    ("name", "text"),
    [("fail", "object of type 'int' has no len"), ("fail_in_a_call", "can only concatenate str")],
)
def test_a_type_error_inside_the_target_is_passed_on(name, text):
    with pytest.raises(TypeError, match=text) as error:
        instantiate(node(name))
    assert type(error.value) is TypeError


def test_other_errors_of_the_target_are_passed_on():
    with pytest.raises(ZeroDivisionError):
        instantiate(node("divide", a=node("add", a=1)))


def test_what_a_class_of_another_library_refuses_is_a_config_error() -> None:
    trainer = {"_target_": "pytorch_lightning.Trainer", "accelerator": "cpu", "devices": -2}
    with pytest.raises(ConfigError, match=r"^pytorch_lightning\.Trainer: `devices` selected with"):
        instantiate(trainer)


@pytest.mark.skipif(importlib.util.find_spec("wandb") is not None, reason="wandb is installed")
def test_a_logger_without_its_package_says_what_to_install() -> None:
    with pytest.raises(ConfigError, match=r"WandbLogger needs a package that is not installed.*wandb"):
        instantiate({"_target_": "pytorch_lightning.loggers.WandbLogger"})
