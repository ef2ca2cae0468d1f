"""Metrics of conditional generation: whether images show the labels they were made with, and nothing else changes."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adversaria.config.labels import value_keys
from adversaria.images.sampling import in_batches, labels_in_turn, sample_pixels, with_label
from lightning_modules.losses import predict_labels


def label_metrics(
    module: Any, extractor: Any, real: dict[str, Tensor], count: int, batch_size: int, seed: int
) -> dict[str, Tensor]:
    """Return the accuracy of the extractor's classifier on generated images, for labels that both know.

    `label_accuracy_<extractor>`, and with `/<attribute>` or `/<class>` of each (`/<label> <class>` where several labels
    have more than two classes). All classes get as many of the `count` images. For a binary label half of the images
    are made without it and half with it, from the same noise and the same other labels. Three values say what the label
    changes: `pair_accuracy_…/<label>`, the share of pairs in which both are recognised; `pair_distance_…/<label>`, the
    mean distance of features within a pair over that between pairs; and `pair_distance_pixels/<label>`, the same of
    pixels.

    Args:
        module: a conditional sampler.
        extractor: one with `labels` and `logits` (`adversaria.measures.extractors`).
        real: a batch of real images; the other attributes of pair i are those of its i-th image.
        count: number of generated images for each label.
        batch_size: images at a time.
        seed: of the noise.
    """
    values: dict[str, Tensor] = {}
    accuracies: list[Tensor] = []
    for label in (label for label in module.labels if label in extractor.labels):
        images = _images_of_each_value(module, label, real, count, batch_size, seed)
        predicted = [_predicted(extractor, part, label, batch_size, module.device) for part in images]
        right = torch.stack([p == value for value, p in enumerate(predicted)]).float()  # (values, images of each)
        accuracies.append(right.mean())
        if len(images) > 2:
            keys = _keys(module, label)
            values |= {f"label_accuracy_{extractor.name}/{key}": r.mean() for key, r in zip(keys, right, strict=True)}
        else:
            off, on = images
            features = [in_batches(extractor, part, batch_size, module.device) for part in images]
            values[f"label_accuracy_{extractor.name}/{label}"] = right.mean()
            values[f"pair_accuracy_{extractor.name}/{label}"] = right.prod(0).mean()
            values[f"pair_distance_{extractor.name}/{label}"] = within_over_between(*features)
            values[f"pair_distance_pixels/{label}"] = within_over_between(off.float(), on.float())
    if accuracies:
        values[f"label_accuracy_{extractor.name}"] = torch.stack(accuracies).mean()
    return values


def _keys(module: Any, label: str) -> list[str]:
    """Return what the accuracies of the classes of a label are called."""
    keys = value_keys([label], module.classes)
    return keys if sum(size > 2 for size in module.sizes) == 1 else [f"{label} {key}" for key in keys]


def _images_of_each_value(
    module: Any, label: str, real: dict[str, Tensor], count: int, batch_size: int, seed: int
) -> list[Tensor]:
    """Generate as many images with each value of a label; of the same noise where the label is binary."""
    column = module.labels.index(label)
    size = module.sizes[column]
    each = count // size
    noise = module.noise(each if size == 2 else each * size, seed)
    labels = labels_in_turn(module, real, noise[:each])
    parts = [noise] * size if size == 2 else noise.split(each)
    return [
        sample_pixels(module, part, with_label(labels, column, value), batch_size) for value, part in enumerate(parts)
    ]


def within_over_between(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean distance between first[i] and second[i] over that between first[i] and second[j], j ≠ i."""
    first, second = first.flatten(1), second.flatten(1)
    within = (first - second).norm(dim=1)
    between = (first - second.roll(1, 0)).norm(dim=1)
    return within.mean() / between.mean().clamp_min(1e-8)


def _predicted(extractor: Any, images: Tensor, label: str, batch_size: int, device: torch.device) -> Tensor:
    logits = in_batches(extractor.logits, images, batch_size, device)
    return predict_labels(logits, extractor.sizes)[:, extractor.labels.index(label)]
