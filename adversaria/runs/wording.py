"""What people read in place of the keys of protocols and implementation details; the only place with such sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from adversaria.config.types import Domain, Split

SPLITS, DOMAINS = get_args(Split), get_args(Domain)

#: Key -> label. A key that is missing here is its own label.
LABELS = {
    "init_from": "started from the weights of",
    "init_digest": "their digest",
    "init_iteration": "their iteration",
    "init_taken": "weights taken",
    "init_averaged": "averaged ones where there were",
    "init_new": "weights not taken from there",
    "data": "data set",
    "source": "source set",
    "target": "target set",
    "labelled": "labels of",
    **{f"n_{split}": f"{split} images" for split in SPLITS},
    **{f"n_{split}_{domain}": f"{split} images of the {domain}" for split in SPLITS for domain in DOMAINS},
    "n_unreadable": "images left out as unreadable",
    "parted_by": "parted by",
    "label_counts": "images of each label",
    "sizes": "sizes as stored",
    "left_out": "left out",
    "image_size": "image size",
    "value_range": "normalisation",
    "horizontal_flip": "horizontal flips",
    "target_augmentation": "augmentation of the target",
    "batch_size": "batch size",
    "n_generated": "generated images",
    "images": "pictures in",
    "n_unreadable_pictures": "pictures left out as unreadable",
    "resized": "pictures of another size resized",
    "reference": "compared with the reference",
    "n_reference": "images of the reference",
    "compared_with": "compared with",
    "floor_split": "floor",
    "generated_labels_of": "labels of generated images",
    "noise_seed": "seed of the noise",
    "kid_subsets": "subsets for the KID",
    "kid_subset_size": "images of a subset, at most",
    "neighbours": "nearest neighbours for precision, recall, density and coverage",
    "neighbour_images": "images of each side for these, at most",
    "n_label_images": "images whose labels were checked, for each label",
    "extractor_digest": "extractor's digest",
    "extractor_labels": "extractor's labels",
    "extractor_accuracy": "extractor's own test accuracy",
    "discriminator_output": "discriminator output",
    "discriminator_loss": "discriminator loss",
    "latent_dim": "latent dimension",
    "kld_reduction": "KLD over latent dimensions",
    "batch_norm": "batch norm",
    "lr_schedule": "learning rate",
    "gradient_clip_val": "gradient clipping",
}
#: Key -> value -> what is meant.
MEANINGS = {
    "status": {"not_tested": "not tested"},
    "extractor": {
        "inception": "Inception (torch-fidelity), TensorFlow's resize, no antialiasing",
        "efficientnet-lite0": "EfficientNet-Lite0, bicubic resize with antialiasing",
    },
    "floor_split": {"val": "all validation images"},
    "discriminator_output": {"critic_values": "critic values, no sigmoid"},
    "discriminator_loss": {
        "cross_entropy_discriminator": "binary cross-entropy with logits; it includes the Sigmoid of the lab reports"
    },
    "loss": {
        "mse_and_weighted_kld": "MSE (mean over pixels) + lambda_kl * KLD (mean over images)",
        "cross_entropy": "cross-entropy of each label, mean over labels",
    },
    "lr_schedule": {"half_cosine": "half cosine", "of_the_updates": "as the updates say"},
}


def _counts(counts: Any) -> Any:
    """Write numbers of things, or those of each label."""
    if not isinstance(counts, dict):
        return counts
    if any(isinstance(count, dict) for count in counts.values()):
        return "; ".join(f"{name}: {_counts(inner)}" for name, inner in counts.items())
    return ", ".join(f"{count} {what}" for what, count in counts.items()) or "none"


_WRITTEN: dict[str, Callable[[Any], str]] = {
    "labelled": lambda domain: f"the {domain}",
    **dict.fromkeys(("label_counts", "converted", "left_out"), _counts),
    "sizes": lambda sizes: " to ".join("x".join(map(str, size)) for size in sizes),
    "image_size": lambda side: f"{side}x{side}x3",
    "value_range": lambda ends: f"({ends[0]:g}, {ends[1]:g})",
    "compared_with": lambda split: f"{split} split",
    "generated_labels_of": lambda split: f"those of the {split} split in turn",
}


def label(key: str) -> str:
    """Return what people read in place of a key."""
    return LABELS.get(key, key)


def written(key: str, value: Any) -> Any:
    """Return what people read in place of a value: a text where it means more than it says, else the value itself."""
    if key in _WRITTEN:
        return _WRITTEN[key](value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value)
    if isinstance(value, str):
        return MEANINGS.get(key, {}).get(value, value.removeprefix("lightning_modules."))
    return value


def readable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a protocol, or details, as people read it: label -> value."""
    return {label(key): written(key, value) for key, value in values.items()}
