"""Losses on predictions of the unlabelled target, which a method of adaptation adds to its own loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from adversaria.config.types import NonNegative, Positive
from lightning_modules.losses import entropy

#: Length of the step by which the direction of `virtual_adversarial` is found. With the 1e-6 of the paper an image of
#: some thousand values near 1 would not change at all in single precision.
PROBE = 1.0
Predict = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class TargetTerms:
    """The weight of each term; one of 0 leaves the term out.

    Args:
        entropy: of the entropy of each prediction (Grandvalet & Bengio 2005).
        information_maximisation: of that entropy minus the entropy of the mean prediction (SHOT-IM).
        mcc: of minimum class confusion.
        vat: of virtual adversarial training (VADA).
        temperature: of the predictions whose confusion is measured.
        radius: Euclidean length of the perturbations of virtual adversarial training, in the values of an image.
    """

    entropy: NonNegative = 0.0
    information_maximisation: NonNegative = 0.0
    mcc: NonNegative = 0.0
    vat: NonNegative = 0.0
    temperature: Positive = 2.5
    radius: Positive = 3.5

    def __bool__(self) -> bool:
        return any((self.entropy, self.information_maximisation, self.mcc, self.vat))

    def __call__(self, logits: Tensor, image: Tensor, predict: Predict) -> dict[str, tuple[float, Tensor]]:
        """Return the weight and the value of each term in use, by name.

        The entropy is always there: it is cheap, and worth to be seen.

        Args:
            logits: (n, k) of the target's images.
            image: those images, (n, c, h, w).
            predict: gives the logits of images of the target, and leaves the network as it is.
        """
        values = {"entropy": (self.entropy, entropy(logits).mean())}
        if self.information_maximisation:
            loss = mutual_information_loss(logits)
            values["information_maximisation"] = self.information_maximisation, loss
        if self.mcc:
            values["mcc"] = self.mcc, minimum_class_confusion(logits, self.temperature)
        if self.vat:
            values["vat"] = self.vat, virtual_adversarial(logits, image, predict, self.radius)
        return values


def information_maximisation(logits: Tensor) -> Tensor:
    """Return the entropy of the mean prediction minus the mean entropy of predictions, in nats; higher is better.

    Each prediction should be certain, and all classes be predicted (Shi & Sha 2012; Musgrave et al. 2022). Takes (n, k)
    logits; a scalar.
    """
    mean = logits.softmax(1).mean(0)
    return -(mean * mean.clamp_min(1e-12).log()).sum() - entropy(logits).mean()


def mutual_information_loss(logits: Tensor) -> Tensor:
    """Return the mean entropy of predictions minus the entropy of the mean prediction, in nats.

    Liang et al. 2020 (SHOT), equation 4: each prediction shall be certain, and together they shall have all classes.
    (n, k) -> scalar in [-log k, 0].
    """
    return -information_maximisation(logits)


def minimum_class_confusion(logits: Tensor, temperature: float = 2.5) -> Tensor:
    """Return how much the predictions of a batch confuse each class with the others, mean over classes.

    Jin et al. 2020, equations 2 to 6. As in the authors' code there is no gradient through the images' weights.
    (n, k) -> scalar in [0, 1].
    """
    scaled = logits / temperature
    predictions = scaled.softmax(1)
    weights = 1 + torch.exp(-entropy(scaled.detach()))
    weights = len(logits) * weights / weights.sum()
    confusion = (predictions * weights[:, None]).T @ predictions
    confusion = confusion / confusion.sum(1, keepdim=True).clamp_min(1e-12)
    return (confusion.sum() - confusion.diagonal().sum()) / logits.shape[1]


def virtual_adversarial(logits: Tensor, image: Tensor, predict: Predict, radius: float) -> Tensor:
    """Return how far the worst small perturbation moves the predictions: KL(p(x) || p(x + r)), mean over images.

    Miyato et al. 2018, equations 5 to 8, with one power iteration. Shu et al. 2018 (VADA) adapt with it.

    Args:
        logits: (n, k) of the images; no gradient goes there.
        image: (n, c, h, w).
        predict: images -> logits.
        radius: Euclidean length of each image's perturbation.
    """
    fixed = logits.detach()
    direction = _unit(torch.randn_like(image)).requires_grad_()
    (gradient,) = torch.autograd.grad(_divergence(fixed, predict(image + PROBE * direction)), direction)
    return _divergence(fixed, predict(image + radius * _unit(gradient)))


def _divergence(logits: Tensor, other: Tensor) -> Tensor:
    return functional.kl_div(other.log_softmax(1), logits.log_softmax(1), reduction="batchmean", log_target=True)


def _unit(image: Tensor) -> Tensor:
    return image / torch.linalg.vector_norm(image, dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)
