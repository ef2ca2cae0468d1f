"""Learning curves: one page of raw and smoothed curves, and the same layout in TensorBoard."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from matplotlib.figure import Figure
from pytorch_lightning.loggers.logger import DummyLogger

from adversaria.config.errors import ConfigError
from adversaria.config.types import FractionBelowOne, NonNegativeInt
from adversaria.runs.csv_logger import CSVLogger
from adversaria.runs.curves import SMOOTHING, Curves, read_metrics, smooth
from callbacks.base import loggers_of
from callbacks.figures.base import FigureCallback, save_picture, tensorboard_writers

#: By the stage that a metric is named after.
COLOURS = {"train": ("#30638e", "#edae49", "#66a182"), "val": ("#d1495b", "#8d6a9f"), "": ("black", "#999999")}


class LearningCurves(FigureCallback):
    """Save `curves_<iteration>.png` from the run's metrics.csv, a panel for each quantity, resumed parts joined.

    Args:
        panels: title -> metric names, drawn in one panel.
        smoothing: weight of the past in the moving average; 0 draws the raw curve alone.
        every_n_epochs: epochs from one picture to the next; 0: only after the fit.
    """

    picture = "curves"
    after_others = True  # it draws what they log at the end of an epoch

    def __init__(
        self, panels: dict[str, list[str]], smoothing: FractionBelowOne = SMOOTHING, every_n_epochs: NonNegativeInt = 1
    ) -> None:
        super().__init__(every_n_epochs)
        self.panels, self.smoothing = panels, smoothing

    def setup(self, trainer: pl.Trainer, pl_module: Any, stage: str) -> None:
        """Check that there will be a metrics.csv to draw."""
        super().setup(trainer, pl_module, stage)
        loggers = loggers_of(trainer)
        if loggers and not any(isinstance(logger, CSVLogger | DummyLogger) for logger in loggers):
            cure = "leave it out" if self.key is None else f"set {self.place}=null"
            raise ConfigError(f"{self.place} draws metrics.csv: keep logger.csv, or {cure}")

    def on_fit_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Group the same metrics in TensorBoard's custom scalars, in a section named after the method."""
        # TensorBoard takes tags for regular expressions that match from the start: `train/loss` is `train/loss_d` too.
        exact = {title: [f"{re.escape(metric)}$" for metric in metrics] for title, metrics in self.panels.items()}
        layout = {type(pl_module).__name__: {title: ["Multiline", tags] for title, tags in exact.items()}}
        for writer in tensorboard_writers(trainer):
            writer.add_custom_scalars(layout)

    def draw(self, trainer: pl.Trainer, module: Any) -> None:
        """Read the metrics and draw."""
        file = Path(trainer.default_root_dir) / "metrics.csv"
        if file.exists():
            save_picture(trainer, module, self.picture, draw_curves(read_metrics(file), self.panels, self.smoothing))


def draw_curves(curves: Curves, panels: dict[str, list[str]], smoothing: float) -> Figure:
    """Draw a panel for each title: raw values pale, their moving average strong."""
    width = 5 * len(panels)
    figure = Figure(figsize=(width, 3.6))
    # Margins for ticks and titles. A computed layout measures all texts first, which takes longer than drawing them.
    figure.subplots_adjust(0.65 / width, 0.14, 1 - 0.12 / width, 0.9, wspace=0.17)
    for axis, (title, metrics) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        drawn = []
        colours = {stage: itertools.cycle(choices) for stage, choices in COLOURS.items()}
        for metric in metrics:
            if metric not in curves:
                continue
            x, y = np.array(curves[metric][0]), np.array(curves[metric][1])
            x, y = x[np.isfinite(y)], y[np.isfinite(y)]
            stage = metric.split("/")[0]
            colour = next(colours[stage if stage in colours else ""])
            if smoothing and metric.startswith("train/"):
                axis.plot(x, y, color=colour, alpha=0.3, linewidth=0.8)
                y = smooth(y, smoothing)
            axis.plot(x, y, color=colour, label=metric, marker="." if len(x) < 2 else None)
            drawn.append(y)
        _limit_to_settled(axis, drawn)
        axis.set(title=title, xlabel="iteration")
        axis.ticklabel_format(axis="y", scilimits=(-3, 4))
        axis.grid(alpha=0.3)
        if drawn:
            axis.legend()
    return figure


def _limit_to_settled(axis: Any, curves: list[np.ndarray]) -> None:
    """Keep a few huge first values from flattening the rest of a panel: the later ones, all in view, set its scale."""
    later = np.concatenate([curve[len(curve) // 20 :] for curve in curves]) if curves else np.empty(0)
    later = later[np.isfinite(later)]
    if len(later) > 20 and (height := np.ptp(later)) > 0:
        low, high = axis.get_ylim()
        axis.set_ylim(max(low, later.min() - 3 * height), min(high, later.max() + 3 * height))
