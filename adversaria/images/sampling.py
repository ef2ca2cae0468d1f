"""Generating images with any generator, conditional or not, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from adversaria.config.errors import ConfigError, suggest
from adversaria.config.labels import LISTED, listed, parse_value, value_names
from adversaria.images.grid import to_uint8
from datamodules.labels import label_columns
from lightning_modules.protocols import Autoencoder, ConditionalSampler


def labels_in_turn(module: ConditionalSampler, batch: Mapping[str, Tensor], noise: Tensor) -> Tensor:
    """Return labels (n, k) for noise (n, d): those of a batch of real images, repeated as often as necessary."""
    labels = module.labels_of(batch)
    return labels[torch.arange(len(noise)) % len(labels)].to(noise.device)


def sample_like_data(module: Any, datamodule: Any, noise: Tensor) -> Tensor:
    """Generate the images of noise (n, d); a conditional model gets the labels of the first n test images."""
    if not isinstance(module, ConditionalSampler):
        images: Tensor = module.sample(len(noise), noise=noise)
        return images
    return module.sample(len(noise), noise, labels_in_turn(module, datamodule.images("test", len(noise)), noise))


def labels_from_text(module: Any, given: Iterable[str], count: int) -> Tensor | None:
    """Return labels (count, k), fixed if given as NAME=VALUE, otherwise alternating; None for a model without labels.

    A value is a number, or the name of a class; it is enough where the model has one label.

    Raises:
        ConfigError: the model has no such label, or the label has no such value.
    """
    names = module.labels if isinstance(module, ConditionalSampler) else []
    labels = module.some_labels(count) if names else None
    seen = set[str]()
    for text in given:
        name, value = name_and_value(text, names)
        if name in seen:
            raise ConfigError(f"--label {text}: {name} is given twice; give each label once")
        seen.add(name)
        if labels is None:
            raise ConfigError(f"--label {text}: {type(module).__name__} has no labels; remove --label")
        column = label_columns([name], names, "--label")[0]
        chosen = parse_value(name, value, module.classes)
        if chosen is None:
            known, last = value_names(name, module.classes), module.sizes[column] - 1
            named = f"one of {listed(known)}, or " if name in module.classes else ""
            near = suggest(value, known) if len(known) > LISTED else ""
            raise ConfigError(f"--label {text}: write {name}=VALUE, {named}a value from 0 to {last}{near}")
        labels[:, column] = chosen
    return labels


def name_and_value(text: str, names: Sequence[str]) -> tuple[str, str]:
    """Part NAME=VALUE; a value alone is that of the only label that there is."""
    name, equals, value = text.partition("=")
    return (names[0], text) if len(names) == 1 and not equals else (name, value)


def generator_of(module: Any) -> nn.Module:
    """Return the network from latents, and labels if conditional, to images: the averaged one if there is one."""
    if isinstance(module, Autoencoder):
        decoder: nn.Module = module.network.decoder  # type: ignore[attr-defined]
        return decoder
    return module.network.generator if module.ema is None else module.ema.network


def pixel_batches(module: Any, noise: Tensor, labels: Tensor | None, batch_size: int) -> Iterator[np.ndarray]:
    """Generate the images of noise (n, d) and labels (n, k), in batches (b, h, w, 3) uint8."""
    for part in torch.arange(len(noise)).split(batch_size):
        given = {} if labels is None else {"labels": labels[part]}
        yield to_uint8(module.sample(len(part), noise=noise[part], **given), module.value_range)


def sample_pixels(module: Any, noise: Tensor, labels: Tensor | None, batch_size: int) -> Tensor:
    """Generate images as `pixel_batches` does, and return all of them, (n, 3, h, w) uint8 on the CPU."""
    images = np.concatenate(list(pixel_batches(module, noise, labels, batch_size)))
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def in_batches(function: Callable[[Tensor], Tensor], images: Tensor, batch_size: int, device: torch.device) -> Tensor:
    """Apply a function to images from the CPU in batches on a device; return all results."""
    return torch.cat([function(part.to(device)) for part in images.split(batch_size)])


def with_label(labels: Tensor, column: int, value: int) -> Tensor:
    """Return a copy of labels (n, k) with one column set to a value."""
    changed = labels.clone()
    changed[:, column] = value
    return changed
