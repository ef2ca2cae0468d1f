"""What callbacks and tools need of a module, as protocols: a module of any class that has the methods will do.

Images are (n, c, h, w) float in the module's `value_range`.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from adversaria.config.types import Classes, Domain


@runtime_checkable
class Sampler(Protocol):
    """Generates images."""

    value_range: tuple[float, float]

    def noise(self, count: int, seed: int) -> Tensor:
        """Return `count` latent vectors (count, d), a function of the seed alone."""

    def sample(self, count: int, noise: Tensor | None = None) -> Tensor:
        """Return `count` images, of this noise if given."""


@runtime_checkable
class ConditionalSampler(Sampler, Protocol):
    """Generates images with chosen labels."""

    labels: list[str]
    classes: Classes
    sizes: list[int]

    def labels_of(self, batch: Any) -> Tensor:
        """Return the labels of a batch of real images that the model is conditioned on, (n, k)."""

    def sample(self, count: int, noise: Tensor | None = None, labels: Tensor | None = None) -> Tensor:
        """Return `count` images of this noise with these labels, (count, k)."""

    def some_labels(self, count: int) -> Tensor:
        """Return labels that cycle through all values, (count, k)."""


@runtime_checkable
class Autoencoder(Protocol):
    """Encodes images as Gaussian latents and decodes latents to images, given their labels if it is conditional."""

    value_range: tuple[float, float]

    def labels_of(self, batch: Any) -> Tensor | None:
        """Return the labels of a batch of real images that the model is conditioned on, (n, k); None without."""

    def encode(self, image: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return means and log-variances, (n, d) each."""

    def decode(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the images of (n, d) latents."""

    def reconstruct(self, image: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the images decoded from the means."""


@runtime_checkable
class FeatureExtractor(Protocol):
    """Maps images to vectors."""

    def features(self, image: Tensor) -> Tensor:
        """Return (n, d) features of (n, c, h, w) images."""


@runtime_checkable
class Classifier(FeatureExtractor, Protocol):
    """Classifies images by their labels."""

    labels: list[str]
    classes: Classes
    sizes: list[int]

    def classify(self, image: Tensor) -> Tensor:
        """Return the logits of (n, c, h, w) images; see `lightning_modules.losses.label_loss`."""


@runtime_checkable
class DomainClassifier(Protocol):
    """Classifies images of two domains by one label."""

    labels: list[str]
    classes: Classes

    def outputs(self, image: Tensor, domain: Domain) -> tuple[Tensor, Tensor]:
        """Return features (n, d) and logits (n, k) of images of one domain."""
