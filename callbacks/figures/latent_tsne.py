"""t-SNE of the latents of test images, coloured by attribute."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytorch_lightning as pl
from matplotlib.figure import Figure

from adversaria.config.labels import is_attribute, value_names
from adversaria.config.types import Batch, Classes, NonNegativeInt, PositiveInt, Seed
from adversaria.images.classes import as_arrays, caption, scatter_by_value
from adversaria.measures.embedding import embed, reduce
from adversaria.runs.whole_files import written_whole
from callbacks.base import datamodule_of
from callbacks.figures.base import FigureCallback, figures_folder, save_picture, save_projection
from datamodules.labels import select_attributes
from lightning_modules.protocols import ConditionalSampler, FeatureExtractor

log = logging.getLogger(__name__)
DEFAULT = ["Blond_Hair", "Male", "Smiling", "Black_Hair"]


class LatentTSNE(FigureCallback):
    """Save `tsne_<iteration>.png`, one panel an attribute, and the embedding as `tsne_<iteration>.npz`.

    Args:
        count: number of test images, from the first on.
        attributes: by which the points are coloured, a panel for each; those of the default that the data does not have
            are left out, and where it has none of them, they are its own first ones.
        every_n_epochs: epochs from one picture to the next; 0: only after the fit.
        seed: of the embedding.
    """

    needs = FeatureExtractor
    picture = "tsne"

    def __init__(
        self,
        count: PositiveInt = 500,
        attributes: list[str] = DEFAULT,
        every_n_epochs: NonNegativeInt = 0,
        seed: Seed = 0,
    ) -> None:
        super().__init__(every_n_epochs)
        self.count, self.attributes, self.seed = count, attributes, seed

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model has features, and the data the attributes asked for."""
        super().setup(trainer, pl_module, stage)
        asked = [a for a in self.attributes if a not in DEFAULT]
        select_attributes(asked, datamodule_of(trainer).attributes, f"{self.place}.attributes")

    def draw(self, trainer: pl.Trainer, module: Any) -> None:
        """Embed, save, draw."""
        data = datamodule_of(trainer)
        batch = data.images("test", self.count)
        features = _features(module, batch)
        if len(features) < 8:
            log.warning("no t-SNE: it needs at least 8 test images, but there are %d", len(features))
            return
        reduced = reduce(features, self.seed)
        points = embed(reduced, self.seed)
        known: list[str] = data.attributes
        shown = [a for a in self.attributes if a in known] or known[: len(DEFAULT)]
        labels = {a: batch["labels"][:, known.index(a)].numpy() for a in shown}
        with written_whole(figures_folder(trainer) / f"tsne_{module.iteration:07d}.npz") as stream:
            np.savez(stream, points=points, **as_arrays(labels))
        low, high = module.value_range
        shown_as = {name: _named(name, values, data.classes) for name, values in labels.items()}
        save_projection(trainer, module, reduced, (batch["image"] - low) / (high - low), shown_as)
        save_picture(trainer, module, self.picture, _page(points, labels, data.classes))


def _features(module: Any, batch: Batch) -> np.ndarray:
    """Return the features (n, d) of a batch; a conditional model is given its labels."""
    inputs = [batch["image"], *([module.labels_of(batch)] if isinstance(module, ConditionalSampler) else [])]
    parts = zip(*(value.to(module.device).split(128) for value in inputs), strict=True)
    return np.concatenate([module.features(*part).float().cpu().numpy() for part in parts])


def _page(points: np.ndarray, labels: dict[str, np.ndarray], classes: Classes) -> Figure:
    """Draw a panel for each label; images without an attribute are pale, behind those with it."""
    panels = labels or {"": np.full(len(points), -1)}
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(5 * columns, 4 * rows), layout="constrained")
    for axis, (name, values) in zip(figure.subplots(rows, columns, squeeze=False).flat, panels.items(), strict=False):
        attribute = is_attribute(name, classes)
        shown = [name] if attribute else value_names(name, classes)
        scatter_by_value(axis, points, values - 1 if attribute else values, shown if name else [])
        axis.set(title=f"{caption(name)} ({len(points)} test images)".strip())
    return figure


def _named(label: str, values: np.ndarray, classes: Classes) -> list[Any]:
    """Return the name of the class of each image; 0 or 1 of an attribute."""
    names = value_names(label, classes)
    return values.tolist() if is_attribute(label, classes) else [names[value] for value in values]
