"""Confusion matrices of digits and their pictures."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor


def confusion_counts(labels: Tensor, logits: Tensor) -> Tensor:
    """Count the predictions of each digit, (10, 10), from labels (n,) and logits (n, 10): rows are digits."""
    return torch.zeros(10, 10).index_put_((labels, logits.argmax(1)), torch.tensor(1.0), True)


def confusion(counts: Tensor, title: str) -> Figure:
    """Draw the predictions of each digit in per cent, from (10, 10) counts: rows are digits, columns predictions."""
    shares = (counts / counts.sum(1, keepdim=True).clamp_min(1)).numpy()
    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(100 * shares, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(shares.shape):
        if shares[row, column] >= 0.005:
            colour = "white" if shares[row, column] > 0.5 else "black"
            axis.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", color=colour, size=8)
    axis.set(xticks=range(10), yticks=range(10), xlabel="predicted", ylabel="digit", title=title)
    figure.colorbar(image, shrink=0.8)
    return figure
