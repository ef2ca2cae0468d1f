"""The latents that generate.py decodes, laid out in rows: samples, walks between seeds, traversals, edits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError, suggest
from adversaria.config.labels import listed, parse_value, value_names
from datamodules.labels import label_columns

if TYPE_CHECKING:
    from torch import Tensor

    from adversaria.tools.generate import Options


def latent_rows(module: Any, options: Options, datamodule: Any, file: Path) -> Tensor:
    """Return the latents to decode, (rows, steps, d); plain samples are rows of one.

    Args:
        module: the model.
        options: what to generate.
        datamodule: the data where images have to be encoded; None where it is not known.
        file: the model's weights, beside which directions may be kept, for then.

    Raises:
        CheckpointError: these directions are damaged.
        ConfigError: the latent has no such dimension, the data no such attribute, or the data does not fit the model.
        DataError: all images have the attribute, or none has it.
    """
    from adversaria.images.interpolation import spherical
    from adversaria.images.latents import move_along

    rows = max(1, options.n // options.steps)
    if options.interpolate:
        first, second = (module.noise(rows, seed) for seed in options.interpolate)
        return spherical(first, second, options.steps)
    if options.traverse is not None:
        return _traversals(module, options, datamodule, file, rows)
    if options.edit:
        _check_edit(module)
        edited = _edits(module, options, datamodule, rows) if datamodule else _kept_edits(module, options, file, rows)
        return move_along(*edited, _strengths(module, options))
    noise: Tensor = module.noise(options.n, options.seed)
    return noise.unsqueeze(1)


def _traversals(module: Any, options: Options, datamodule: Any, file: Path, rows: int) -> Tensor:
    from adversaria.images import directions
    from adversaria.images.latents import traverse

    base, dimensions = module.noise(1, options.seed)[0], list(options.traverse or ())
    if not dimensions:
        found = directions.find(module, datamodule) if datamodule else directions.beside(file, module)
        dimensions = found.dimensions[:rows] if found else []
    elif not all(0 <= d < len(base) for d in dimensions):
        raise ConfigError(f"--traverse: this model's dimensions are 0 to {len(base) - 1}")
    print("rows: dimensions", *dimensions)
    return traverse(base, dimensions, _strengths(module, options))


def _check_edit(module: Any) -> None:
    if getattr(module, "labels", []):
        raise ConfigError(f"--edit: this model is given its labels; change them with --label {module.labels[0]}=VALUE")


def _edits(module: Any, options: Options, datamodule: Any, rows: int) -> tuple[Tensor, Tensor]:
    """Return the latents (rows, d) to change and the direction (d,), both of the data."""
    from adversaria.images.latents import ENCODED_IMAGES, attribute_direction, encode

    assert options.edit is not None
    name, _, text = options.edit.partition("=")
    column = label_columns([name], datamodule.attributes, "--edit")[0]
    size = len(names := value_names(name, datamodule.classes))
    value = 1 if size == 2 and not text else parse_value(name, text, datamodule.classes)
    if value is None:
        raise ConfigError(f"--edit {options.edit}: write {name}=VALUE, one of {listed(names)}")
    mu, _, labels = encode(module, datamodule, "train", ENCODED_IMAGES)
    base = module.noise(rows, options.seed) if options.samples else encode(module, datamodule, "test", rows)[0]
    return base, attribute_direction(mu, labels[:, column] == value)


def _kept_edits(module: Any, options: Options, file: Path, rows: int) -> tuple[Tensor, Tensor]:
    """Return latents (rows, d) of samples, as there are no test images, and the direction (d,) kept with the model."""
    from adversaria.images import directions

    assert options.edit is not None
    found = directions.beside(file, module)
    known = found.attributes if found else {}
    title = options.edit.replace("=", " ")  # of one value of several
    if title not in known:
        raise ConfigError(
            f"--edit {options.edit}: of this model without its data the directions of {listed(list(known))} are known"
            f"{suggest(title, known)}"
        )
    print("rows: samples, as the test images do not come with the model")
    return module.noise(rows, options.seed), known[title]


def _strengths(module: Any, options: Options) -> Tensor:
    import torch

    return torch.linspace(-options.reach, options.reach, options.steps, device=module.device)
