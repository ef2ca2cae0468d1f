"""Conditioning: how labels enter a generator or an encoder, and how a discriminator predicts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from adversaria.config.types import Classes, Conditioning
from datamodules.labels import label_sizes, logit_count


def label_vectors(labels: Tensor, sizes: Sequence[int], dtype: torch.dtype) -> Tensor:
    """Return labels (n, k) as numbers: a binary one as 0 or 1, any other one-hot."""
    columns = [
        labels[:, i : i + 1] if size == 2 else functional.one_hot(labels[:, i].long(), size)
        for i, size in enumerate(sizes)
    ]
    return torch.cat([column.to(dtype) for column in columns], 1)


def append_planes(image: Tensor, labels: Tensor, sizes: Sequence[int]) -> Tensor:
    """Append labels (n, k) to (n, c, h, w) images: a channel for each of their numbers, the same at each pixel."""
    planes = label_vectors(labels, sizes, image.dtype)[:, :, None, None].expand(-1, -1, *image.shape[2:])
    return torch.cat([image, planes], 1)


class AppendLabels(nn.Module):
    """Append labels to the noise: a binary one as 0 or 1, any other one-hot."""

    scale = 1.0  # what 1 becomes

    def __init__(self, labels: Sequence[str], latent_dim: int, classes: Classes | None = None) -> None:
        super().__init__()
        self.sizes = label_sizes(labels, classes)
        self.output_dim = latent_dim + sum(map(logit_count, self.sizes))

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        """Map (n, d) noise and (n, k) labels to (n, output_dim)."""
        return torch.cat([noise, self.scale * label_vectors(labels, self.sizes, noise.dtype)], 1)


class AppendScaledLabels(AppendLabels):
    """The same with √latent_dim in the place of 1, which makes a label as long a vector as the noise.

    A decoder then listens to the labels from the start, before the encoder of a VAE has put what they say into the
    latent as well; after that they would teach it nothing.
    """

    def __init__(self, labels: Sequence[str], latent_dim: int, classes: Classes | None = None) -> None:
        super().__init__(labels, latent_dim, classes)
        self.scale = latent_dim**0.5


class MultiplyEmbeddings(nn.Module):
    """Multiply the noise by a learnt vector for each label's value."""

    def __init__(self, labels: Sequence[str], latent_dim: int, classes: Classes | None = None) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(size, latent_dim) for size in label_sizes(labels, classes))
        self.output_dim = latent_dim

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        """Map (n, d) noise and (n, k) labels to (n, d)."""
        for i, embedding in enumerate(self.embeddings):
            noise = noise * embedding(labels[:, i].long())
        return noise


CONDITIONINGS: dict[str, Callable[..., AppendLabels | MultiplyEmbeddings]] = {
    "append": AppendLabels,
    "append_scaled": AppendScaledLabels,
    "multiply": MultiplyEmbeddings,
}


class Generator(nn.Module):
    """A decoder of noise, or of a VAE's latents, with or without labels.

    Args:
        decoder: input dimension -> module from (n, input dimension) to images.
        latent_dim: dimension of the noise.
        labels: names of the labels; empty for none.
        conditioning: `append` them to the noise, also `append_scaled`, or `multiply` it by their embeddings.
        classes: the names of the labels' values.
    """

    def __init__(
        self,
        decoder: Callable[[int], nn.Module],
        latent_dim: int,
        labels: Sequence[str] = (),
        conditioning: Conditioning = "append",
        classes: Classes | None = None,
    ) -> None:
        super().__init__()
        self.condition = CONDITIONINGS[conditioning](labels, latent_dim, classes) if labels else None
        self.decoder = decoder(self.condition.output_dim if self.condition is not None else latent_dim)

    def forward(self, noise: Tensor, labels: Tensor | None = None) -> Tensor:
        """Map (n, latent_dim) noise, and (n, k) labels if conditional, to (n, c, h, w) images."""
        image: Tensor = self.decoder(noise if self.condition is None else self.condition(noise, labels))
        return image


class Discriminator(nn.Module):
    """An encoder with a head that tells real from generated images and, with labels, one that predicts the labels.

    Args:
        encoder: images -> features.
        head: number of outputs -> module from features to (n, outputs, …).
        labels: names of the labels; empty for none.
        shared_head: one layer for both outputs instead of one for each.
        classes: the names of the labels' values.
    """

    def __init__(
        self,
        encoder: nn.Module,
        head: Callable[[int], nn.Module],
        labels: Sequence[str] = (),
        shared_head: bool = False,
        classes: Classes | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        count = sum(map(logit_count, label_sizes(labels, classes)))
        self.head = head(1 + count if shared_head else 1)
        self.label_head = head(count) if count and not shared_head else None

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Map (n, c, h, w) images to logits: (n,) of being real, and of the labels (n, k'), k' = 0 without any."""
        features = self.encoder(image)
        logits = self.head(features).flatten(1).float()  # bfloat16 would lose the difference of two means
        if self.label_head is None:
            return logits[:, 0], logits[:, 1:]
        return logits[:, 0], self.label_head(features).flatten(1).float()

    def use_spectral_norm(self) -> None:
        """Normalise the weights of all layers by their spectral norm (Miyato et al. 2018)."""
        for layer in list(self.modules()):
            if isinstance(layer, nn.Conv2d | nn.Linear):
                parametrizations.spectral_norm(layer)
