"""What an augmentation draws or computes for a whole batch: textures, neighbours, blur, contrast."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def textures(like: Tensor, sides: tuple[int, ...] | None = None) -> Tensor:
    """Draw random RGB textures in [0, 1], of the shape of a batch of images.

    Like patches of photos, a texture has mostly one hue, and may be plain, a gradient, blobs, hard edges or grain. It
    is the sum of noise on four grids, each with a random strength, and stronger in brightness than in colour. `sides`
    are those of the grids; None for 2, 4, 8 and the image's. Few and small ones give smooth textures.
    """
    n, _, height, width = like.shape
    field = 3 * like.new_empty(n, 1, 1, 1).uniform_(-1, 1) + like.new_empty(n, 3, 1, 1).normal_()
    for side in sides or (2, 4, 8, height):
        strength = 2 * torch.rand(n, 1, 1, 1, device=like.device) ** 2
        noise = torch.randn(n, 1, side, side, device=like.device) + 0.3 * torch.randn(
            n, 3, side, side, device=like.device
        )
        field = field + strength * functional.interpolate(noise, (height, width), mode="bilinear", align_corners=True)
    hard = torch.rand(n, 1, 1, 1, device=like.device) < 0.2  # these get edges instead of smooth transitions
    return (torch.where(hard, 5 * field, field) / 2).sigmoid()


def border_colour(image: Tensor) -> Tensor:
    """Return the median colour of each image's border: (n, 3, 1, 1)."""
    border = torch.cat([image[:, :, 0], image[:, :, -1], image[:, :, :, 0], image[:, :, :, -1]], 2)
    # PyTorch's median is not deterministic on a GPU, where trainer.deterministic refuses it
    middle = border.sort(2).values[:, :, (border.shape[2] - 1) // 2] if border.is_cuda else border.median(2).values
    return middle[:, :, None, None]


def with_neighbours(image: Tensor, probability: float) -> Tensor:
    """Show another image of the batch at each side, with this probability, cut off by the edge of the picture.

    The middle of a neighbour is 0.45 to 0.85 of the width away, and the nearer half of this way stays free of it. Its
    background becomes that of the image, and its digit the negative of this background to the same degree, as blending
    makes it in MNIST-M; a white digit on black stays one. Where both have ink, the stronger one shows.
    """
    n, _, _, width = image.shape
    x = (torch.arange(width, device=image.device) + 0.5) / width - 0.5
    paper = border_colour(image)
    strongest = image - paper
    for side in (-1, 1):
        distance = torch.empty(n, 1, 1, 1, device=image.device).uniform_(0.45, 0.85)
        place = x - side * distance  # in the neighbour, whose own middle is at 0
        column = ((place + 0.5) * width).long()
        inside = (column >= 0) & (column < width) & (side * x > distance / 2)
        inside = inside & (torch.rand(n, 1, 1, 1, device=image.device) < probability)
        other_paper = paper.roll(side, 0)
        ratio = ((1 - 2 * paper) / (1 - 2 * other_paper)).nan_to_num().clamp(-1.5, 1.5)
        ink = (image.roll(side, 0) - other_paper) * ratio
        ink = ink.gather(3, column.clamp(0, width - 1).expand_as(image))
        stronger = ink.abs().mean(1, keepdim=True) > strongest.abs().mean(1, keepdim=True)
        strongest = torch.where(inside & stronger, ink, strongest)
    return paper + strongest


def blurred(image: Tensor, largest: float) -> Tensor:
    """Blur each image with a Gaussian, whose standard deviation is between 0 and `largest`, in sides of the image."""
    deviation = largest * torch.rand(len(image), 1, 1, 1, device=image.device)
    for axis in (2, 3):
        size = image.shape[axis]
        place = torch.arange(size, device=image.device) / size
        kernel = (-((place[:, None] - place) ** 2) / (2 * deviation**2 + 1e-6)).softmax(3)
        image = kernel @ image if axis == 2 else image @ kernel.transpose(2, 3)
    return image


def full_contrast(image: Tensor) -> Tensor:
    """Return each image with its darkest value at 0 and its lightest at 1; a plain one is 0."""
    low, high = image.amin((1, 2, 3), keepdim=True), image.amax((1, 2, 3), keepdim=True)
    return (image - low) / (high - low).clamp(min=1e-3)
