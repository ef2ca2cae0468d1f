"""What people read in place of the names of test metrics: words, unit, which way is better, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

HIGHER, LOWER = "↑", "↓"
FLOOR = "_floor"  # at the end of a metric's name: the same of real validation images
MIXTURE = "_mixture"  # the same of images from a VAE's mixture of latents


@dataclass(frozen=True)
class Wording:
    """How metrics are shown.

    Attributes:
        names: a pattern of their names. Its group `by` is the extractor whose features are compared, its group `of` the
            class or label that a metric is about.
        words: what it measures; `{of}` stands for the class or label.
        better: the arrow of the values that are better; nothing where neither are.
        unit: of the values; those in % are stored as shares.
        beside: what to compare a value with.
    """

    names: str
    words: str
    better: str = ""
    unit: str = ""
    beside: str = ""


#: In the order of tables: what generated images are like, other results, how the discriminator did.
_RESULTS = (
    Wording(r"fid_(?P<by>inception)", "FID", LOWER),
    Wording(r"fid_(?P<by>.+)", "Fréchet distance", LOWER),
    Wording(r"kid_(?P<by>inception)", "KID", LOWER),
    Wording(r"kid_(?P<by>.+)", "kernel distance", LOWER),
    Wording(r"precision_(?P<by>.+)", "precision", HIGHER),
    Wording(r"recall_(?P<by>.+)", "recall", HIGHER),
    Wording(r"density_(?P<by>.+)", "density", HIGHER),
    Wording(r"coverage_(?P<by>.+)", "coverage", HIGHER),
    Wording(r"is_(?P<by>.+)", "inception score", HIGHER),
    Wording(r"label_accuracy_(?P<by>(?!real$|fake$)[^/]+)", "generated images recognised", HIGHER, "%"),
    Wording(r"label_accuracy_(?P<by>[^/]+)/(?P<of>.+)", "generated images recognised, {of}", HIGHER, "%"),
    Wording(r"pair_accuracy_(?P<by>[^/]+)/(?P<of>.+)", "pairs with both labels right, {of}", HIGHER, "%"),
    Wording(r"pair_distance_pixels/(?P<of>.+)", "change by the label, pixels, {of}", LOWER, "", "another noise: 1"),
    Wording(r"pair_distance_(?P<by>[^/]+)/(?P<of>.+)", "change by the label, {of}", LOWER, "", "another noise: 1"),
    Wording(r"accuracy", "accuracy", HIGHER, "%"),
    Wording(r"accuracy/(?P<of>.+)", "accuracy of {of}", HIGHER, "%"),
    Wording(r"average_precision/(?P<of>.+)", "average precision of {of}", HIGHER, "%"),
    Wording(r"accuracy_source", "accuracy on the source", HIGHER, "%"),
    Wording(r"accuracy_oracle", "accuracy of the best epoch", HIGHER, "%", "no result: the target's labels chose it"),
    Wording(r"proxy_a_distance", "distance of the domains (proxy A)", "", "", "alike: 0, apart: 2"),
    Wording(r"mse_pm1", "MSE, latents at their means", LOWER, "", "pixels from -1 to 1"),
    Wording(r"mse_01", "MSE, latents at their means", LOWER, "", "pixels from 0 to 1"),
    Wording(r"mse", "MSE, latents sampled", LOWER),
    Wording(r"psnr", "peak signal-to-noise ratio", HIGHER, "dB"),
    Wording(r"ssim", "structural similarity", HIGHER, "", "the same image: 1"),
    Wording(r"kld_nats", "KLD, divergence from the prior", "", "nats"),
    Wording(r"kld", "KLD as the loss has it"),
    Wording(r"lambda_kl", "weight of the KLD in the loss"),
    Wording(r"active_units", "latent dimensions in use", "", "", "of model.network.latent_dim"),
    Wording(r"loss", "loss", LOWER),
)
_GAME = (
    Wording(r"accuracy_real", "discriminator right on real images", "", "%", "guessing: 50 %"),
    Wording(r"accuracy_fake", "discriminator right on generated ones", "", "%", "guessing: 50 %"),
    Wording(r"label_accuracy_(real|fake)", "discriminator's labels right", HIGHER, "%"),
    Wording(r"wasserstein", "the critic's Wasserstein estimate"),
)


#: What stands at the axis of a curve, by the names of metrics without their stage.
_AXES = {
    r".*loss.*": "loss (no unit)",
    r"mse.*": "mean squared error",
    r"kld.*": "KLD (nats)",
    r"target_entropy|information_maximisation|soft_neighbourhood_density": "nats",
    r".*accuracy.*": "share of images",
    r"diversity|nearest": "ratio to real images",
    r"wasserstein": "critic's estimate",
    r"r1|r2|gradient_penalty": "penalty",
    r"lambda_kl": "weight of the KLD",
    r"lr_.*": "learning rate",
    r"images_per_second": "images per second",
}


def axis(metrics: Iterable[str]) -> str:
    """Return what the axis of some curves, `stage/name` each, measures; nothing where they differ or nobody knows."""
    names = [metric.partition("/")[2] for metric in metrics]
    found = {next((text for pattern, text in _AXES.items() if re.fullmatch(pattern, name)), "") for name in names}
    return found.pop() if len(found) == 1 else ""


def wording(metric: str) -> tuple[Wording, dict[str, str]]:
    """Return the wording of a metric and its groups `by` and `of`; one that is not known is its own words."""
    name = metric.removesuffix(FLOOR).removesuffix(MIXTURE)
    for known in (*_RESULTS, *_GAME):
        if match := re.fullmatch(known.names, name):
            return known, match.groupdict()
    return Wording(re.escape(name), name), {}


def is_known(metric: str) -> bool:
    """Tell whether a metric has words here."""
    return wording(metric)[0] in (*_RESULTS, *_GAME)


def is_of_the_game(metric: str) -> bool:
    """Tell whether a metric says how the discriminator does, and nothing about the images."""
    return wording(metric)[0] in _GAME


def better(metric: str) -> str:
    """Return an arrow up for a metric of which higher values are better, down for lower ones, else nothing."""
    return "" if metric.endswith(FLOOR) else wording(metric)[0].better


def in_order(metrics: Iterable[str]) -> list[str]:
    """Return the names of metrics as tables order them; those that are not known before the discriminator's."""
    return sorted(metrics, key=lambda name: (_rank(wording(name)[0]), name))


def _rank(known: Wording) -> int:
    order = (*_RESULTS, None, *_GAME)
    return order.index(known if known in order else None)


def marked(metric: str) -> str:
    """Return the name of a metric with the arrow that says which way it is better."""
    return f"{metric} {better(metric)}".rstrip()
