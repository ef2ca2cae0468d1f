"""The settings that explore.py offers for a trained model, and the images with these settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from adversaria.config.errors import DataError
from adversaria.config.instantiate import instantiate
from adversaria.config.labels import value_names
from adversaria.images import directions
from adversaria.images.directions import Directions
from adversaria.images.interpolation import spherical
from adversaria.images.latents import ENCODED_IMAGES, encode
from adversaria.images.sampling import pixel_batches
from adversaria.tools.configuration import run_configuration
from lightning_modules.protocols import Autoencoder

MAX_IMAGES = 16
MAX_DIMENSIONS = 8  # of a VAE's latent
INTERPOLATION_STEPS = 100
TEST_IMAGES = "from test images"


class Slider(NamedTuple):
    """Bounds, step and initial value of a setting; bounds 0 and 1 with step 1 make it a switch, `names` a menu."""

    low: float
    high: float
    step: float
    value: float
    names: tuple[str, ...] = ()


class Explorer:
    """A generator of images with its settings.

    Args:
        module: a VAE, GAN, WGAN or ACGAN.
        directions: directions in latent space, (d,) each, by heading and name.
        test_latents: latents of test images (n, d) to start from, if there are any.

    Attributes:
        max_images: largest number of images at a time.
        sliders: the settings by heading and name; there are also `seed` and `to seed`.
    """

    max_images = MAX_IMAGES

    def __init__(
        self, module: Any, directions: Mapping[str, Mapping[str, Tensor]], test_latents: Tensor | None
    ) -> None:
        self.module, self.test_latents = module, test_latents
        self.directions = {name: d for group in directions.values() for name, d in group.items()}
        self.labels: list[str] = getattr(module, "labels", [])
        start = {"interpolation": Slider(0, 1, 1 / INTERPOLATION_STEPS, 0)}
        if hasattr(module, "truncation"):
            start["truncation"] = Slider(0.1, 4, 0.1, module.truncation or 4)  # one value in 16,000 is beyond ±4
        if test_latents is not None:
            start[TEST_IMAGES] = Slider(0, 1, 1, 0)
        start["images"] = Slider(1, MAX_IMAGES, 1, 4)
        taken = {"seed", "to seed", *start, *self.directions}
        self.label_settings = [f"label {name}" if name in taken else name for name in self.labels]
        labels = {key: self._menu(name) for key, name in zip(self.label_settings, self.labels, strict=True)}
        moves = {heading: dict.fromkeys(group, Slider(-3, 3, 0.1, 0)) for heading, group in directions.items()}
        self.sliders = {"": start, "Labels": labels, **moves}

    def _menu(self, label: str) -> Slider:
        names = value_names(label, self.module.classes)
        return Slider(0, len(names) - 1, 1, 0, tuple(names) if label in self.module.classes else ())

    @property
    def initial(self) -> dict[str, float]:
        """The settings at the start."""
        own = {name: slider.value for group in self.sliders.values() for name, slider in group.items()}
        return {"seed": 0, "to seed": 1, **own}

    def draw(self, settings: Mapping[str, float]) -> np.ndarray:
        """Return the images of these settings, (n, h, w, 3) uint8."""
        first, second = (self._latents(int(settings[seed]) % 2**32, settings) for seed in ("seed", "to seed"))
        step = round(INTERPOLATION_STEPS * settings["interpolation"])
        latents = spherical(first, second, INTERPOLATION_STEPS + 1)[:, step]
        for name, direction in self.directions.items():
            latents = latents + settings[name] * direction
        chosen = [round(settings[key]) for key in self.label_settings]
        labels = torch.tensor([chosen], device=latents.device).repeat(len(latents), 1) if chosen else None
        (images,) = pixel_batches(self.module, latents, labels, MAX_IMAGES)
        return images

    def _latents(self, seed: int, settings: Mapping[str, float]) -> Tensor:
        count = int(settings["images"])
        if self.test_latents is not None and settings[TEST_IMAGES]:
            order = torch.randperm(len(self.test_latents), generator=torch.Generator().manual_seed(seed))
            return self.test_latents[order[:count]]
        if "truncation" in settings:
            self.module.truncation = settings["truncation"]
        noise: Tensor = self.module.noise(MAX_IMAGES, seed)  # always of all: an image does not depend on the count
        return noise[:count]


def prepare(
    module: Any, folder: Path | None, root: str | None, known: Directions | None = None
) -> tuple[Explorer, str]:
    """Return the explorer of a model, and a sentence on what is missing, or an empty text.

    Args:
        module: a VAE, GAN, WGAN or ACGAN.
        folder: the run's folder, whose data determines a VAE's directions; None for a checkpoint without a run folder.
        root: another folder of the data.
        known: directions that come with such a checkpoint.

    Raises:
        ConfigError: the data at the given root does not fit the model.
        DataError: there is no data at the given root.
    """
    if not isinstance(module, Autoencoder):
        return Explorer(module, {}, None), ""
    axes = torch.eye(module.noise(1, 0).shape[1], device=module.device)  # type: ignore[attr-defined]
    found, test_latents, note = known or Directions({}, list(range(len(axes)))), None, ""
    try:
        if folder is not None:
            data = instantiate(run_configuration(folder, root=root)["data"])
            found = directions.find(module, data)
            test_latents = encode(module, data, "test", ENCODED_IMAGES)[0]
        elif known is None or root is not None:
            raise DataError("a checkpoint outside a run folder does not say which data it is from")
    except DataError as error:
        if root is not None:
            raise
        note = f"Without the run's data there are no attributes and no test images: {error}."
    latent = {f"dimension {d}": axes[d] for d in found.dimensions[:MAX_DIMENSIONS]}
    return Explorer(module, {"Attributes": found.attributes, "Latent dimensions": latent}, test_latents), note
