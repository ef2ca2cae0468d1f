from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from callbacks.figures import latent_tsne
from callbacks.figures.latent_tsne import LatentTSNE


@pytest.mark.parametrize("attributes", [["digit"], latent_tsne.DEFAULT])
def test_digits_have_a_colour_for_each_of_ten_classes(
    attributes: list[str],
    trainer_on: Callable[..., Any],
    unconditional: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(latent_tsne, "save_picture", lambda t, m, name, figure: figures.append(figure))
    monkeypatch.setattr(latent_tsne, "embed", lambda reduced, seed: reduced[:, :2])
    trainer = trainer_on([[i % 10] for i in range(40)])
    trainer.datamodule.attributes = ["digit"]
    unconditional.features = lambda image: image.flatten(1)[:, :4]
    LatentTSNE(attributes=attributes).draw(trainer, unconditional)
    (panel,) = figures[0].axes
    points = {str(dots.get_label()): dots for dots in panel.collections[1:]}  # the first are unknown ones
    assert list(points) == [str(digit) for digit in range(10)]
    assert [len(dots.get_offsets()) for dots in points.values()] == [4] * 10
    assert len({look(dots) for dots in points.values()}) == 10
    assert [text.get_text() for text in panel.texts] == list(points)  # each class is named where it is
    figures[0].draw_without_rendering()
    assert panel.get_legend().get_window_extent().x0 >= panel.get_window_extent().x1  # off the points
    assert np.load(tmp_path / "figures/tsne_0000007.npz")["digit"].tolist() == [i % 10 for i in range(40)]


def look(dots: Any) -> tuple[Any, ...]:
    """Colour and mark of points."""
    return (*dots.get_facecolor()[0], dots.get_paths()[0].vertices.tobytes())


@pytest.mark.parametrize(("count", "looks"), [(2, 2), (12, 12), (200, 40)])
def test_classes_have_colours_and_marks_and_their_names(
    count: int, looks: int, trainer_on: Callable[..., Any], unconditional: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    projected: list[Any] = []
    monkeypatch.setattr(latent_tsne, "save_picture", lambda t, m, name, figure: figures.append(figure))
    monkeypatch.setattr(latent_tsne, "save_projection", lambda *parts: projected.append(parts[-1]))
    monkeypatch.setattr(latent_tsne, "embed", lambda reduced, seed: reduced[:, :2])
    trainer = trainer_on([[i % min(count, 100)] for i in range(40)])
    trainer.datamodule.attributes = ["file"]  # a name that a parameter of NumPy has
    trainer.datamodule.classes = {"file": [f"kind {i}" for i in range(count)]}
    unconditional.features = lambda image: image.flatten(1)[:, :4]
    LatentTSNE().draw(trainer, unconditional)
    (panel,) = figures[0].axes
    points = [dots for dots in panel.collections if len(dots.get_offsets())]
    assert len({look(dots) for dots in points}) == looks
    assert (panel.get_legend() is None) == (count == 200)
    assert projected[0]["file"][:2] == ["kind 0", "kind 1"]
