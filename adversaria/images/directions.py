"""Directions in the latent space of a VAE: those of attributes and dimensions, found in data or kept beside weights."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from adversaria.config.errors import CheckpointError, DataError
from adversaria.config.labels import value_names, value_title
from adversaria.images.latents import ENCODED_IMAGES, attribute_direction, encode
from adversaria.runs import zoo
from adversaria.runs.record import read_json
from adversaria.runs.zoo import DIRECTIONS
from lightning_modules.losses import per_dimension_kld

DIGITS = 5  # of each number in the file


class Directions(NamedTuple):
    """Directions in a latent space of d dimensions.

    Attributes:
        attributes: the direction (d,) of each attribute, and of each value of a label with more than two, by its title.
        dimensions: all dimensions, that of largest KLD first.
    """

    attributes: dict[str, Tensor]
    dimensions: list[int]


def find(module: Any, data: Any) -> Directions:
    """Find the directions in the first training images of a data set.

    Args:
        module: a VAE.
        data: its data module.

    Raises:
        ConfigError: the data does not fit the model.
        DataError: the data is not there.
    """
    mu, logvar, labels = encode(module, data, "train", ENCODED_IMAGES)
    given = getattr(module, "labels", [])  # to decoder and encoder, so the latent does not have them
    attributes = {}
    for name, column in [pair for pair in zip(data.attributes, labels.T, strict=True) if pair[0] not in given]:
        size = len(value_names(name, data.classes))
        for value in range(size) if size > 2 else [1]:
            with contextlib.suppress(DataError):  # all of these images have the attribute, or none has it
                title = value_title(name, value, data.classes)
                attributes[title] = attribute_direction(mu, column == value)
    return Directions(attributes, per_dimension_kld(mu, logvar).argsort(descending=True).tolist())


def write(directions: Directions, folder: Path) -> None:
    """Write the directions beside the weights of a model, as JSON."""
    numbers = {
        name: [float(f"{value:.{DIGITS}g}") for value in direction.tolist()]
        for name, direction in directions.attributes.items()
    }
    content = json.dumps({"attributes": numbers, "dimensions": directions.dimensions}, indent=1)
    (folder / DIRECTIONS).write_text(content.replace(",\n   ", ", ") + "\n", encoding="utf-8")


def beside(file: Path, module: Any) -> Directions | None:
    """Return the directions that are kept beside the weights of a model; None if there are none.

    Args:
        file: the weights.
        module: the model, a VAE.

    Raises:
        CheckpointError: those that are there are not of this model.
    """
    if not zoo.has_directions(file):
        return None
    size = module.noise(1, 0).shape[1]
    try:
        content = read_json(file.with_name(DIRECTIONS), {})
        attributes = {str(name): torch.tensor(numbers).float() for name, numbers in content["attributes"].items()}
        dimensions = [int(dimension) for dimension in content["dimensions"]]
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CheckpointError(f"{file.with_name(DIRECTIONS)} is damaged") from error
    if sorted(dimensions) != list(range(size)) or any(d.shape != (size,) for d in attributes.values()):
        raise CheckpointError(f"{file.with_name(DIRECTIONS)} is not of this model, whose latents have {size} numbers")
    return Directions({name: direction.to(module.device) for name, direction in attributes.items()}, dimensions)
