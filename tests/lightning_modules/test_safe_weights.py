"""A `.safetensors` file from elsewhere, damaged or hostile, is a model or one sentence, and nothing in it runs."""

from __future__ import annotations

import copy
import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from support.hostile import PLAIN, Watch, change

import lightning_modules
from adversaria.config.errors import CheckpointError
from adversaria.runs import initial_weights
from lightning_modules import safe_weights

watch = Watch()
SMALL = ["model=gan", "data=digits", "model.network.width=2", "model.network.latent_dim=4"]


@pytest.fixture(scope="module")
def saved(untrained, tmp_path_factory) -> Path:
    file: Path = tmp_path_factory.mktemp("safe") / "net.safetensors"
    safe_weights.save(lightning_modules.load(untrained(*SMALL)), file)
    return file


def outcome(file: Path) -> str:
    """Load a file; return the sentence why not, or an empty text."""
    with watch.only_in(file.parent):
        try:
            assert isinstance(lightning_modules.load(file), torch.nn.Module)
        except CheckpointError as error:
            sentence = str(error)
        else:
            return ""
    assert "\n" not in sentence
    assert str(file) in sentence
    return sentence


def test_what_rebuilds_it_is_checked_as_that_of_a_checkpoint(saved: Path, tmp_path: Path) -> None:
    chosen, weights = random.Random(0), safetensors.torch.load_file(saved)
    entry = safe_weights.read(saved)["adversaria"]
    refused = 0
    for number in range(40):
        changed = {"all": copy.deepcopy(entry)}
        change(changed, chosen, PLAIN)
        file = tmp_path / f"{number}.safetensors"
        safetensors.torch.save_file(weights, file, {"adversaria": json.dumps(changed.get("all"), default=str)})
        refused += bool(outcome(file))
    assert refused > 20


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"_target_": "builtins.eval"}, "builtins.eval is not allowed"),
        (
            {"network": {"_target_": "lightning_modules.networks.gan.CompactGAN", "image_size": 28, "width": 10**6}},
            "larger",
        ),
        ({"r1": -1}, "model.r1=-1"),
    ],
)
def test_its_model_passes_the_schema(changes: dict[str, Any], sentence: str, saved: Path, tmp_path: Path) -> None:
    content = safe_weights.read(saved)
    content["adversaria"]["model"] |= changes
    file = tmp_path / "net.safetensors"
    safetensors.torch.save_file(content["state_dict"], file, {"adversaria": json.dumps(content["adversaria"])})
    assert sentence in outcome(file)


def test_damaged_bytes_are_one_sentence(saved: Path, tmp_path: Path) -> None:
    chosen, whole, file = random.Random(0), saved.read_bytes(), tmp_path / "net.safetensors"
    for _ in range(25):
        damaged = bytearray(whole[: chosen.choice([len(whole), chosen.randrange(len(whole))])])
        for _ in range(chosen.randrange(1, 5)):
            damaged[chosen.randrange(min(len(damaged), 3000))] ^= chosen.randrange(1, 256)
        file.write_bytes(damaged)
        outcome(file)
    for foreign in (
        b"",
        b"x",
        b"\xff" * 8,
        b"\xff" * 100,
        (10**6).to_bytes(8, "little") + b"[" * 10**6,
        b"PK\x03\x04" * 9,
    ):
        file.write_bytes(foreign)
        assert outcome(file)
        with pytest.raises(CheckpointError, match="init_from="):
            initial_weights.check({"init_from": str(file)})
    file.unlink()
    os.mkfifo(file)
    assert outcome(file)


def test_a_small_file_has_the_average_alone_in_half_precision(saved: Path, tmp_path: Path) -> None:
    module = lightning_modules.load(saved)
    with torch.no_grad():
        for weight in module.ema.parameters():
            weight.add_(0.1)
    safe_weights.save(module, tmp_path / "small.safetensors", small=True)
    kept = safetensors.torch.load_file(tmp_path / "small.safetensors")
    assert {w.dtype for w in kept.values() if w.is_floating_point()} == {torch.float16}
    assert not any(name.startswith("network.generator.") for name in kept)
    again, own = lightning_modules.load(tmp_path / "small.safetensors").state_dict(), module.state_dict()
    assert list(again) == list(own)
    for name, weight in own.items():
        average = own[name.replace("network.generator.", "ema.network.")]
        assert torch.equal(again[name], (average.half().float() if weight.is_floating_point() else average)), name


@pytest.mark.parametrize("part", ["network.discriminator", 3, ["a"], "x" * 100])
def test_a_small_file_that_names_another_part_is_one_sentence(part: Any, saved: Path, tmp_path: Path) -> None:
    safe_weights.save(lightning_modules.load(saved), file := tmp_path / "small.safetensors", small=True)
    entry = {**safe_weights.read_entry(file), "averaged": part}
    content = safetensors.torch.load_file(file)
    file.write_bytes(safetensors.torch.save(content, {"format": "pt", "adversaria": json.dumps(entry)}))
    assert "has weights that are not those of its model" in outcome(file)
