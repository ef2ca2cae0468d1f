"""t-SNE of the features of both domains: by class, and by domain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure

from adversaria.config.labels import value_names
from adversaria.config.types import IntAtLeast2, NonNegativeInt, Seed
from adversaria.images.classes import as_arrays, scatter_by_value
from adversaria.measures.domains import predict_domain
from adversaria.measures.embedding import embed, reduce
from adversaria.runs.whole_files import written_whole
from callbacks.base import datamodule_of
from callbacks.figures.base import FigureCallback, figures_folder, save_picture, save_projection
from lightning_modules.protocols import DomainClassifier


class DomainTSNE(FigureCallback):
    """Save `domains_<iteration>.png` of test images, left by class and right by domain, and the points as `.npz`.

    Args:
        count: images of each domain.
        after_epochs: draw after this epoch too, e.g. where ADDA's pretraining ends; 0 for none.
        every_n_epochs: epochs from one picture to the next; 0: only after the fit.
        seed: of the embedding.
    """

    needs = DomainClassifier
    picture = "domains"

    def __init__(
        self,
        count: IntAtLeast2 = 500,
        after_epochs: NonNegativeInt = 0,
        every_n_epochs: NonNegativeInt = 0,
        seed: Seed = 0,
    ) -> None:
        super().__init__(every_n_epochs)
        self.count, self.after_epochs, self.seed = count, after_epochs, seed

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw if a picture is due."""
        if trainer.current_epoch + 1 == self.after_epochs:
            self._draw(trainer, pl_module)
        else:
            super().on_train_epoch_end(trainer, pl_module)

    def draw(self, trainer: pl.Trainer, module: Any) -> None:
        """Embed, save, draw."""
        data = datamodule_of(trainer)
        predictions = [predict_domain(module, data, domain, "test", self.count) for domain in ("source", "target")]
        reduced = reduce(np.concatenate([p.features.numpy() for p in predictions]), self.seed)
        points = embed(reduced, self.seed)
        classes = np.concatenate([p.labels.numpy() for p in predictions])
        domains = np.repeat([0, 1], [len(p.labels) for p in predictions])
        file = figures_folder(trainer) / f"domains_{module.iteration:07d}.npz"
        with written_whole(file) as stream:
            np.savez(stream, points=points, target=domains, **as_arrays({module.labels[0]: classes}))
        names = list(data.names.values())
        class_names = value_names(module.labels[0], module.classes)
        pixels = [data.pixels(domain, "test", self.count)["image"] / 255 for domain in ("source", "target")]
        named = [*class_names, "unknown"]  # the last one is that of -1
        labels = {module.labels[0]: [named[i] for i in classes], "domain": [names[i] for i in domains]}
        save_projection(trainer, module, reduced, torch.cat(pixels), labels)
        panels = {"by class": (classes, class_names), "by domain": (domains, names)}
        save_picture(trainer, module, self.picture, _page(points, panels))


def _page(points: np.ndarray, panels: dict[str, tuple[np.ndarray, list[str]]]) -> Figure:
    """Draw a panel for each title, with values (n,) of the points and their names; -1 is an unknown class."""
    figure = Figure(figsize=(11.5, 4.8), layout="constrained")
    for axis, (title, (values, names)) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        scatter_by_value(axis, points, values, names)
        axis.set(title=title)
    return figure
