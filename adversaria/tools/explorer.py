"""What explore.py's page shows: what can be set of a trained model, and its images with these settings."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from adversaria.config.errors import ConfigError, DataError, UserError
from adversaria.config.instantiate import instantiate
from adversaria.images.interpolation import spherical
from adversaria.images.latents import ENCODED, attribute_direction, encode
from adversaria.images.sampling import chosen_labels, pixel_batches
from adversaria.tools import configuration
from datamodules.labels import label_sizes
from lightning_modules.losses import per_dimension_kld
from lightning_modules.protocols import Autoencoder

MOST = 16  # images
DIMENSIONS = 8  # of a VAE's latents
STEPS = 100  # from one seed to the other
TEST_IMAGES = "from test images"


class Slider(NamedTuple):
    """Bounds, step and first value of what can be set; from 0 to 1 in one step it is a switch."""

    low: float
    high: float
    step: float
    value: float


class Explorer:
    """A generator of images, and what can be set of it.

    Args:
        module: a VAE, GAN, WGAN or ACGAN.
        directions: in latent space, (d,) each, by heading and name.
        tests: latents of test images (n, d) to start from, if there are any.

    Attributes:
        most: images at a time.
        sliders: by heading and name; besides them there are `seed` and `to seed`.
    """

    most = MOST

    def __init__(self, module: Any, directions: Mapping[str, Mapping[str, Tensor]], tests: Tensor | None) -> None:
        self.module, self.tests = module, tests
        self.directions = {name: d for group in directions.values() for name, d in group.items()}
        self.labels: list[str] = getattr(module, "labels", [])
        start = {"interpolation": Slider(0, 1, 1 / STEPS, 0)}
        if hasattr(module, "truncation"):
            start["truncation"] = Slider(0.1, 4, 0.1, module.truncation or 4)  # one number in 16,000 is beyond ±4
        if tests is not None:
            start[TEST_IMAGES] = Slider(0, 1, 1, 0)
        start["images"] = Slider(1, MOST, 1, 4)
        sizes = label_sizes(self.labels)
        labels = {name: Slider(0, size - 1, 1, 0) for name, size in zip(self.labels, sizes, strict=True)}
        moves = {heading: dict.fromkeys(group, Slider(-3, 3, 0.1, 0)) for heading, group in directions.items()}
        self.sliders = {"": start, "Labels": labels, **moves}

    def draw(self, settings: Mapping[str, float]) -> np.ndarray:
        """Return the images of these settings, (n, h, w, 3) uint8."""
        first, second = (self._latents(int(settings[seed]) % 2**32, settings) for seed in ("seed", "to seed"))
        latents = spherical(first, second, STEPS + 1)[:, round(STEPS * settings["interpolation"])]
        for name, direction in self.directions.items():
            latents = latents + settings[name] * direction
        labels = chosen_labels(self.module, [f"{name}={settings[name]:.0f}" for name in self.labels], len(latents))
        (images,) = pixel_batches(self.module, latents, labels, MOST)
        return images

    def _latents(self, seed: int, settings: Mapping[str, float]) -> Tensor:
        count = int(settings["images"])
        if self.tests is not None and settings[TEST_IMAGES]:
            order = torch.randperm(len(self.tests), generator=torch.Generator().manual_seed(seed))
            return self.tests[order[:count]]
        if "truncation" in settings:
            self.module.truncation = settings["truncation"]
        noise: Tensor = self.module.noise(MOST, seed)  # of all, so that an image is the same however many there are
        return noise[:count]


def prepare(module: Any, folder: Path | None, root: str | None) -> tuple[Explorer, str]:
    """Return what there is to explore of a model, and a sentence on what there is not.

    Args:
        module: a VAE, GAN, WGAN or ACGAN.
        folder: the run's folder, whose data tells a VAE's directions; None for a bare checkpoint.
        root: another folder of the data.

    Raises:
        ConfigError, DataError: there is no data at the given root, or it does not fit the model.
    """
    if not isinstance(module, Autoencoder):
        return Explorer(module, {}, None), ""
    axes = torch.eye(module.noise(1, 0).shape[1], device=module.device)  # type: ignore[attr-defined]
    dimensions, attributes, tests, note = list(range(len(axes))), dict[str, Tensor](), None, ""
    try:
        if folder is None:
            raise ConfigError("a checkpoint in no run folder does not say which it is")
        data = instantiate(configuration.configuration(folder, root=root)["data"])
        mu, logvar, labels = encode(module, data, "train", ENCODED)
        tests = encode(module, data, "test", ENCODED)[0]
        dimensions = per_dimension_kld(mu, logvar).argsort(descending=True).tolist()
        for name, size, column in zip(data.attributes, label_sizes(data.attributes), labels.T, strict=True):
            for value in range(size) if size > 2 else [1]:
                with contextlib.suppress(DataError):  # all of these images have it, or none
                    attributes[name if size == 2 else f"{name} {value}"] = attribute_direction(mu, column == value)
    except UserError as error:
        if root is not None:
            raise
        note = f"Without the run's data there are no attributes and no test images: {error}."
    latent = {f"dimension {d}": axes[d] for d in dimensions[:DIMENSIONS]}
    return Explorer(module, {"Attributes": attributes, "Latent dimensions": latent}, tests), note
