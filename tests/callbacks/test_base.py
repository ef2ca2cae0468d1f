"""What callbacks need of a model is an error that names their key, and their order does not matter."""

import re
import types
from typing import Any

import pytest
import pytorch_lightning as pl

from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import callbacks_of
from callbacks.base import ModelCallback, add_metrics, datamodule_of, in_order

MODELS = ["vae", "gan", "wgan", "acgan", "classifier", "dann", "adda", "adamatch"]


@pytest.mark.parametrize("model", MODELS)
def test_callbacks_of_a_configuration_name_their_key_and_the_cure(compose: Any, model: str) -> None:
    data = ["data=digits_mnist5k"] if model in ("dann", "adda", "adamatch") else []
    config = compose(f"model={model}", *data, *(["metrics=classifier"] if model in ("vae", "gan", "acgan") else []))
    asking = [c for c in callbacks_of(config) if isinstance(c, ModelCallback) and c.needs is not object]
    assert len(asking) >= 2
    for callback in asking:
        assert config["callbacks"][callback.key]["_target_"].endswith(type(callback).__name__)
        key, kind = re.escape(callback.place), callback.needs.__name__
        expected = rf"{key} needs a model that is an? {kind}, and LightningModule is not; leave it out with {key}=null"
        with pytest.raises(ConfigError, match=expected):
            callback.setup(pl.Trainer(logger=False, accelerator="cpu"), pl.LightningModule(), "fit")


def test_a_callback_built_in_python_is_named_by_its_class() -> None:
    class Wanting(ModelCallback):
        needs = int

    Wanting().setup(None, 3, "fit")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^Wanting needs a model that is an int, and str is not; leave it out$"):
        Wanting().setup(None, "x", "fit")  # type: ignore[arg-type]


def test_what_uses_the_logs_of_others_comes_after_them() -> None:
    class Last(ModelCallback):
        after_others = True

    last, others = Last(), [pl.Callback(), ModelCallback(), pl.Callback()]
    assert in_order([last, *others]) == in_order([others[0], last, *others[1:]]) == [*others, last]


def test_metrics_of_a_callback_arrive_before_and_after_those_of_the_model() -> None:
    published: list[str] = []
    module: Any = types.SimpleNamespace(waiting=["loss"])
    module.record = lambda stage, values: module.waiting.extend(values)
    module.publish = lambda stage: (published.extend(module.waiting), module.waiting.clear())
    add_metrics(module, "test", {"before": 1.0})
    module.publish("test")  # the module's own hook
    add_metrics(module, "test", {"after": 1.0})
    assert published == ["loss", "before", "after"]


def test_without_a_data_module_the_call_is_named() -> None:
    with pytest.raises(ConfigError, match=r"trainer\.fit\(module, datamodule=\.\.\.\)"):
        datamodule_of(pl.Trainer(logger=False, accelerator="cpu"))
