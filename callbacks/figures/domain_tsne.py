"""t-SNE of the features of both domains: by class, and by domain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure

from adversaria.config.types import IntAtLeast2, NonNegativeInt
from adversaria.measures.domains import predict_domain
from adversaria.measures.embedding import embed, reduce
from callbacks.figures.base import FigureCallback, figures_folder, save_picture, save_projection
from lightning_modules.protocols import DomainClassifier, require


class DomainTSNE(FigureCallback):
    """Save `domains_<iteration>.png` of test images, left by class and right by domain, and the points as `.npz`.

    Args:
        count: images of each domain.
        after_epochs: draw after so many epochs too: where ADDA's pretraining ends.
        every_n_epochs: how often; 0 for the end of fit only.
        seed: of the embedding.
    """

    def __init__(
        self,
        count: IntAtLeast2 = 1000,
        after_epochs: NonNegativeInt = 0,
        every_n_epochs: NonNegativeInt = 0,
        seed: NonNegativeInt = 0,
    ) -> None:
        super().__init__(every_n_epochs)
        self.count, self.after_epochs, self.seed = count, after_epochs, seed

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that the model tells digits of two domains."""
        require(pl_module, DomainClassifier, "tsne")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Draw if it is time."""
        if trainer.current_epoch + 1 == self.after_epochs:
            self._look(trainer, pl_module)
        else:
            super().on_train_epoch_end(trainer, pl_module)

    def draw(self, trainer: pl.Trainer, module: Any) -> None:
        """Embed, save, draw."""
        data = trainer.datamodule  # type: ignore[attr-defined]
        seen = [predict_domain(module, data, domain, "test", self.count) for domain in ("source", "target")]
        reduced = reduce(np.concatenate([s.features.numpy() for s in seen]), self.seed)
        points = embed(reduced, self.seed)
        digits = np.concatenate([s.labels.numpy() for s in seen])
        domains = np.repeat([0, 1], [len(s.labels) for s in seen])
        file = figures_folder(trainer) / f"domains_{module.iteration:07d}.npz"
        np.savez(file, points=points, digit=digits, target=domains)
        names = list(data.names.values())
        save_picture(trainer, module, "domains", _page(points, digits, domains, names))
        pixels = [data.pixels(domain, "test", self.count)["image"] / 255 for domain in ("source", "target")]
        labels = {"digit": digits.tolist(), "domain": [names[i] for i in domains]}
        save_projection(trainer, module, reduced, torch.cat(pixels), labels)


def _page(points: np.ndarray, digits: np.ndarray, domains: np.ndarray, names: list[str]) -> Figure:
    figure = Figure(figsize=(10, 4.8), layout="constrained")
    panels = {"by class": (digits, range(10), "tab10"), "by domain": (domains, names, "coolwarm")}
    for axis, (title, (values, labels, colours)) in zip(figure.subplots(1, 2), panels.items(), strict=True):
        dots = axis.scatter(*points.T, c=values, cmap=colours, s=5, linewidths=0)
        axis.legend(dots.legend_elements(num=None)[0], labels, loc="upper right", fontsize=7, markerscale=0.7)
        axis.set(title=title, xticks=[], yticks=[])
    return figure
