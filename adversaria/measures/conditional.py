"""Do generated images show the labels they were made with, and only those?"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from adversaria.images.sampling import in_batches, labels_in_turn, sample_pixels, with_label
from datamodules.labels import label_sizes
from lightning_modules.losses import predict_labels


def label_metrics(
    module: Any, extractor: Any, real: dict[str, Tensor], count: int, batch_size: int, seed: int
) -> dict[str, Tensor]:
    """Return the accuracy of the extractor's classifier on generated images, for labels that both know.

    `label_accuracy_<extractor>`, and with `/<attribute>` or `/<class>` of each. All classes get as many of the `count`
    images. For a binary attribute half of the images are made without it and half with it, from the same
    noise and the same other attributes, and three figures tell what the switch changes: `pair_accuracy_…/<label>`, the
    share of pairs in which both are recognised; `pair_distance_…/<label>`, the mean distance of features within a pair
    over that between pairs; and `pair_distance_pixels/<label>`, the same of pixels.

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
    sizes = dict(zip(module.labels, label_sizes(module.labels), strict=True))
    for label in (label for label in module.labels if label in extractor.labels):
        column = module.labels.index(label)
        each = count // sizes[label]
        noise = module.noise(each if sizes[label] == 2 else each * sizes[label], seed)
        base = labels_in_turn(module, real, noise[:each])
        images = []
        for value in range(sizes[label]):
            some = noise if sizes[label] == 2 else noise[value * each : (value + 1) * each]
            images.append(sample_pixels(module, some, with_label(base, column, value), batch_size))
        told = [_told(extractor, part, label, batch_size, noise.device) for part in images]
        right = torch.stack([t == value for value, t in enumerate(told)]).float()  # (values, each)
        accuracies.append(right.mean())
        if sizes[label] > 2:
            values |= {f"label_accuracy_{extractor.name}/{v}": r.mean() for v, r in enumerate(right)}
        else:
            values[f"label_accuracy_{extractor.name}/{label}"] = right.mean()
            off, on = images
            features = [in_batches(extractor, part, batch_size, noise.device) for part in images]
            values[f"pair_accuracy_{extractor.name}/{label}"] = right.prod(0).mean()
            values[f"pair_distance_{extractor.name}/{label}"] = within_over_between(*features)
            values[f"pair_distance_pixels/{label}"] = within_over_between(off.float(), on.float())
    if accuracies:
        values[f"label_accuracy_{extractor.name}"] = torch.stack(accuracies).mean()
    return values


def within_over_between(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean distance between first[i] and second[i] over that between first[i] and second[j], j ≠ i."""
    first, second = first.flatten(1), second.flatten(1)
    within = (first - second).norm(dim=1)
    between = (first - second.roll(1, 0)).norm(dim=1)
    return within.mean() / between.mean().clamp_min(1e-8)


def _told(extractor: Any, images: Tensor, label: str, batch_size: int, device: torch.device) -> Tensor:
    logits = in_batches(extractor.logits, images, batch_size, device)
    told = predict_labels(logits, label_sizes(extractor.labels))
    return told[:, extractor.labels.index(label)]
