"""The latents that generate.py decodes, laid out in rows: samples, walks between seeds, traversals, edits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError
from adversaria.config.labels import listed, parse_value, value_names
from datamodules.labels import label_columns

if TYPE_CHECKING:
    from torch import Tensor

    from adversaria.tools.generate import Options


def latent_rows(module: Any, options: Options, datamodule: Any) -> Tensor:
    """Return the latents to decode, (rows, steps, d); plain samples are rows of one.

    Raises:
        ConfigError: the latent has no such dimension, the data no such attribute, or the data does not fit the model.
        DataError: all images have the attribute, or none has it.
    """
    from adversaria.images.interpolation import spherical

    rows = max(1, options.n // options.steps)
    if options.interpolate:
        first, second = (module.noise(rows, seed) for seed in options.interpolate)
        return spherical(first, second, options.steps)
    if options.traverse is not None:
        return _traversals(module, options, datamodule, rows)
    if options.edit:
        return _edits(module, options, datamodule, rows)
    noise: Tensor = module.noise(options.n, options.seed)
    return noise.unsqueeze(1)


def _traversals(module: Any, options: Options, datamodule: Any, rows: int) -> Tensor:
    from adversaria.images.latents import ENCODED_IMAGES, encode, traverse
    from lightning_modules.losses import per_dimension_kld

    base, dimensions = module.noise(1, options.seed)[0], list(options.traverse or ())
    if not dimensions:
        mu, logvar, _ = encode(module, datamodule, "train", ENCODED_IMAGES)
        dimensions = per_dimension_kld(mu, logvar).argsort(descending=True)[:rows].tolist()
    elif not all(0 <= d < len(base) for d in dimensions):
        raise ConfigError(f"--traverse: this model's dimensions are 0 to {len(base) - 1}")
    print("rows: dimensions", *dimensions)
    return traverse(base, dimensions, _strengths(module, options))


def _edits(module: Any, options: Options, datamodule: Any, rows: int) -> Tensor:
    from adversaria.images.latents import ENCODED_IMAGES, attribute_direction, encode, move_along

    assert options.edit is not None
    name, _, text = options.edit.partition("=")
    if getattr(module, "labels", []):
        raise ConfigError(f"--edit: this model is given its labels; change them with --label {module.labels[0]}=VALUE")
    column = label_columns([name], datamodule.attributes, "--edit")[0]
    size = len(names := value_names(name, datamodule.classes))
    value = 1 if size == 2 and not text else parse_value(name, text, datamodule.classes)
    if value is None:
        raise ConfigError(f"--edit {options.edit}: write {name}=VALUE, one of {listed(names)}")
    mu, _, labels = encode(module, datamodule, "train", ENCODED_IMAGES)
    base = module.noise(rows, options.seed) if options.samples else encode(module, datamodule, "test", rows)[0]
    return move_along(base, attribute_direction(mu, labels[:, column] == value), _strengths(module, options))


def _strengths(module: Any, options: Options) -> Tensor:
    import torch

    return torch.linspace(-options.reach, options.reach, options.steps, device=module.device)
