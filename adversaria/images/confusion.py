"""Confusion matrices of classes and their pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from adversaria.config.labels import DIGITS
from adversaria.images.classes import caption

WRITTEN = 30  # classes at most whose shares are written into their squares


def confusion_counts(labels: Tensor, logits: Tensor) -> Tensor:
    """Count the predictions of each of k classes, (k, k), from labels (n,) and logits (n, k): rows are classes.

    Of a class that is one of two, the logits are (n, 1). Images of an unknown class, -1, are left out.
    """
    predicted = (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)
    count, known = max(2, logits.shape[1]), labels >= 0
    return torch.zeros(count, count).index_put_((labels[known], predicted[known]), torch.tensor(1.0), True)


def confusion(counts: Tensor, title: str, label: str = "digit", names: Sequence[str] = DIGITS) -> Figure:
    """Draw the predictions of each class in per cent, from (k, k) counts: rows are classes, columns predictions.

    Args:
        counts: those of `confusion_counts`.
        title: of the picture.
        label: what the classes are the values of.
        names: of the classes.
    """
    shares = (counts / counts.sum(1, keepdim=True).clamp_min(1)).numpy()
    many = max(0, len(shares) - 10)
    figure = Figure(figsize=(5.2 + 0.25 * min(many, 40), 4.6 + 0.25 * min(many, 40)), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(shares.shape):
        if len(shares) <= WRITTEN and shares[row, column] >= 0.005:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axis.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", color=colour, size=8)
    every = -(-len(shares) // 50)  # as many names as there is room for
    ticks, shown = range(0, len(shares), every), [caption(name) for name in names[::every]]
    axis.set_xticks(ticks, shown, rotation=90 if max(map(len, shown)) > 3 else 0)
    axis.set_yticks(ticks, shown)
    axis.set(xlabel=f"predicted {caption(label)}", ylabel=f"true {caption(label)}", title=title)
    figure.colorbar(image, shrink=0.8, label="% of the true class")
    return figure
