"""Directions of a latent space: found in data, kept beside weights, and refused where they are of another model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import lightning_modules
from adversaria.config.errors import CheckpointError
from adversaria.config.instantiate import instantiate
from adversaria.images import directions
from adversaria.images.latents import ENCODED_IMAGES, attribute_direction, encode
from adversaria.runs.zoo import DIRECTIONS
from adversaria.tools.configuration import run_configuration


@pytest.fixture(scope="module")
def vae(tiny_run: Any) -> tuple[Any, Any]:
    """A VAE and its data."""
    return lightning_modules.load(tiny_run[0]), instantiate(run_configuration(tiny_run[0])["data"])


def test_what_was_kept_is_what_was_found(vae: tuple[Any, Any], tmp_path: Path) -> None:
    found = directions.find(*vae)
    mu, _, labels = encode(*vae, "train", ENCODED_IMAGES)
    expected = attribute_direction(mu, labels[:, vae[1].attributes.index("Smiling")] == 1)
    assert torch.equal(found.attributes["Smiling"], expected)
    assert sorted(found.dimensions) == list(range(16))
    directions.write(found, tmp_path)
    kept = directions.beside(tmp_path / "weights", vae[0])
    assert kept is not None
    assert kept.dimensions == found.dimensions
    assert list(kept.attributes) == list(found.attributes)
    assert all(torch.allclose(kept.attributes[name], d, rtol=1e-4) for name, d in found.attributes.items())
    assert (tmp_path / DIRECTIONS).stat().st_size < 10_000
    assert directions.beside(tmp_path / "elsewhere" / "weights", vae[0]) is None


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("[", "is damaged"),
        ("[]", "is damaged"),
        ('{"attributes": {"a": ["b"]}, "dimensions": []}', "is damaged"),
        ('{"attributes": {}}', "is damaged"),
        (
            json.dumps({"attributes": {"a": [1.0]}, "dimensions": list(range(16))}),
            "is not of this model, whose latents",
        ),
        (json.dumps({"attributes": {}, "dimensions": [0]}), "is not of this model, whose latents have 16 numbers"),
    ],
)
def test_those_of_another_model_are_a_sentence(
    content: str, sentence: str, vae: tuple[Any, Any], tmp_path: Path
) -> None:
    (tmp_path / DIRECTIONS).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match=sentence):
        directions.beside(tmp_path / "weights", vae[0])
