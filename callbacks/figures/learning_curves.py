"""Learning curves: one page of raw and smoothed curves, and the same layout in TensorBoard."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from matplotlib.figure import Figure
from pytorch_lightning.loggers.logger import DummyLogger

from adversaria.config.errors import ConfigError
from adversaria.config.types import FractionBelowOne, NonNegativeInt
from adversaria.images.palette import style
from adversaria.runs.csv_logger import CSVLogger
from adversaria.runs.curves import SMOOTHING, Curves, read_metrics, smooth
from adversaria.runs.metric_wording import axis as measured_by
from callbacks.base import loggers_of
from callbacks.figures.base import FigureCallback, save_picture, tensorboard_writers

HEIGHT = 4.0  # inches


class LearningCurves(FigureCallback):
    """Save `curves_<iteration>.png` from the run's metrics.csv, a panel for each quantity, resumed parts joined.

    A setting that did not change, such as a constant λ_KL, has no panel.

    Args:
        panels: title -> metric names, drawn in one panel.
        smoothing: weight from one value to the next in the average (`adversaria.runs.curves.smooth`); 0 draws the
            values alone.
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
    """Draw a panel for each title: values pale, their average strong; the legend stands below."""
    panels = {title: metrics for title, metrics in panels.items() if not _is_constant(curves, metrics)}
    width, rows = 5 * max(1, len(panels)), max(map(len, panels.values()), default=1)
    height = HEIGHT + 0.2 * rows
    figure = Figure(figsize=(width, height))
    # Margins for ticks and texts. A computed layout measures all texts first, which takes longer than drawing them.
    below = (0.75 + 0.2 * rows) / height
    figure.subplots_adjust(0.75 / width, below, 1 - 0.12 / width, 1 - 0.35 / height, wspace=0.26)
    for axis, (title, metrics) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        drawn = _draw_panel(axis, curves, metrics, smoothing)
        _limit_to_settled(axis, drawn)
        axis.set(title=title, xlabel="iteration (batches)", ylabel=measured_by(metrics))
        axis.ticklabel_format(axis="y", scilimits=(-3, 4))
        axis.grid(alpha=0.3)
        if drawn:
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.55 / (height * (1 - below))), frameon=False)
    return figure


def _draw_panel(axis: Any, curves: Curves, metrics: list[str], smoothing: float) -> list[np.ndarray]:
    """Draw the metrics that there are; return the values of the strong curves."""
    drawn: list[np.ndarray] = []
    for metric in metrics:
        if metric not in curves:
            continue
        x, y = np.array(curves[metric][0]), np.array(curves[metric][1])
        x, y = x[np.isfinite(y)], y[np.isfinite(y)]
        look, name = style(len(drawn)), metric
        if smoothing and metric.startswith("train/"):
            averaged = smooth(y, smoothing)
            if not np.array_equal(averaged, y):
                axis.plot(x, y, color=look.colour, alpha=0.3, linewidth=0.8)
                y, name = averaged, f"{metric}, average (values pale)"
        axis.plot(x, y, color=look.colour, linestyle=look.line, label=name, marker="." if len(x) < 2 else None)
        drawn.append(y)
    return drawn


def _is_constant(curves: Curves, metrics: list[str]) -> bool:
    """Tell whether a panel would show settings alone that did not change."""
    logged = [curves[metric][1] for metric in metrics if metric in curves]
    settings = all(metric.startswith("optim/") for metric in metrics)
    return settings and all(len(values) > 1 and len(set(values)) == 1 for values in logged)


def _limit_to_settled(axis: Any, curves: list[np.ndarray]) -> None:
    """Keep a few huge first values from flattening the rest of a panel: the later ones, all in view, set its scale."""
    later = np.concatenate([curve[len(curve) // 20 :] for curve in curves]) if curves else np.empty(0)
    later = later[np.isfinite(later)]
    if len(later) > 20 and (height := np.ptp(later)) > 0:
        low, high = axis.get_ylim()
        axis.set_ylim(max(low, later.min() - 3 * height), min(high, later.max() + 3 * height))
