"""A new module takes the weights that fit it by name and shape, and says which; all else of it is new."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.config.instantiate import instantiate
from lightning_modules.initial_weights import start_from
from lightning_modules.rebuild import read_checkpoint

SMALL = ["data=digits", "model.network.width=2", "model.network.latent_dim=4"]
GAN, ACGAN = (["model=gan", *SMALL], ["model=acgan", *SMALL])


@pytest.fixture
def build(compose):
    """Build a module from overrides, as a run does."""

    def built(*overrides: str) -> Any:
        config = compose(*overrides)["model"]
        torch.manual_seed(1)
        module = instantiate(config)
        module.config = config
        return module

    return built


def changed(before: dict[str, torch.Tensor], module: Any) -> set[str]:
    return {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}


def test_averaged_weights_start_the_live_ones_and_their_average(untrained, build, caplog) -> None:
    file = untrained(*GAN)
    weights = read_checkpoint(file)["state_dict"]
    module = build(*GAN)
    caplog.set_level(logging.INFO)
    start_from(module, file)
    for name, value in module.state_dict().items():
        source = name.replace("network.generator.", "ema.network.") if "ema" not in name else name
        assert torch.equal(value, weights[source]), name
    assert not torch.equal(weights["network.generator.decoder.0.weight"], weights["ema.network.decoder.0.weight"])
    assert (module.iteration, module.images) == (0, 0)
    assert module.started_from["init_iteration"] == 5
    assert module.started_from["init_new"] == []
    (line,) = caplog.messages
    assert line.startswith(f"starting from {file}, iteration 5: ")
    assert line.endswith("those of network.generator are averaged ones")


@pytest.mark.parametrize(("ours", "theirs"), [("null", None), (None, "null")])
def test_an_average_is_not_needed_on_both_sides(ours: str | None, theirs: str | None, untrained, build) -> None:
    file, module = (
        make(*GAN, *(["model.ema=null"] if ema else [])) for make, ema in ((untrained, theirs), (build, ours))
    )
    weights = read_checkpoint(file)["state_dict"]
    start_from(module, file)
    first = "decoder.0.weight"
    best = weights[f"network.generator.{first}" if theirs else f"ema.network.{first}"]
    assert torch.equal(module.network.generator.state_dict()[first], best)
    assert ours or torch.equal(module.ema.network.state_dict()[first], best)


def test_heads_and_what_is_given_labels_are_new_where_labels_differ(untrained, build, caplog) -> None:
    module = build(*ACGAN)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    caplog.set_level(logging.INFO)
    start_from(module, untrained(*GAN))
    new = ["network.generator.decoder.0.weight", "network.discriminator.label_head.weight"]
    assert module.started_from["init_new"] == [*new, "network.discriminator.label_head.bias"]
    assert not changed(before, module) & {*new, "network.discriminator.label_head.bias", "ema.network.decoder.0.weight"}
    assert "network.discriminator.encoder.0.weight" in changed(before, module)
    assert caplog.messages[1].startswith(f"new, and not from there: {', '.join(new)}, ")

    multiplied = build(*ACGAN, "model.network.conditioning=multiply")
    start_from(multiplied, untrained(*GAN))
    assert "network.generator.condition.embeddings.0.weight" in multiplied.started_from["init_new"]
    assert new[0] not in multiplied.started_from["init_new"]


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["model=vae", "data=synthetic_faces", "model.network.width=4"], "is of GAN with CompactGAN"),
        ([*GAN, "model.network.width=4"], "; set model.network.width=2, as there"),
        (["model=classifier", "data=digits"], "and this run is Classifier with ConvClassifier"),
    ],
)
def test_another_kind_of_network_is_refused_and_unchanged(overrides, sentence: str, untrained, build) -> None:
    module = build(*overrides)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(ConfigError) as error:
        start_from(module, untrained(*GAN))
    assert sentence in str(error.value)
    assert changed(before, module) == set()


def test_weights_that_are_not_numbers_are_refused(untrained, build, tmp_path: Path) -> None:
    content = torch.load(untrained(*GAN), weights_only=True)
    content["state_dict"]["network.discriminator.head.weight"][0] = float("nan")
    torch.save(content, tmp_path / "nan.ckpt")
    with pytest.raises(CheckpointError, match="weight contains NaN"):
        start_from(build(*GAN), tmp_path / "nan.ckpt")


@pytest.mark.parametrize("model", [["model=wgan", *SMALL], ["model=adamatch", "data=digits_mnist5k"]])
def test_the_part_that_is_averaged_is_the_one_that_is_named(model: list[str], build) -> None:
    module = build(*model, "model.network.width=2")
    assert module.averaged is not None
    assert module.get_submodule(module.averaged).state_dict().keys() == module.ema.network.state_dict().keys()
