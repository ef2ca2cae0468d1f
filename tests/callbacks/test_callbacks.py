"""Callbacks by themselves: their arithmetic, and that they refuse a model without the ability they need."""

import re
import subprocess
import types
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from torch import nn
from torch.utils.tensorboard.writer import SummaryWriter

from adversaria.config.errors import ConfigError
from adversaria.images.grid import grid, to_uint8
from adversaria.measures.embedding import embed
from adversaria.runs.architecture import flatten
from adversaria.runs.environment import git_state
from callbacks.figures.base import rendered
from callbacks.figures.latent_tsne import LatentTSNE
from callbacks.figures.learning_curves import LearningCurves, draw_curves, smooth
from callbacks.metrics.reconstruction import ReconstructionMetrics
from callbacks.record.run_checkpoint import RunCheckpoint
from lightning_modules.modes import evaluating


def test_to_uint8_maps_the_range_ends() -> None:
    images = torch.tensor([-1.0, 0.0, 1.0, 1.2]).view(1, 1, 1, 4)
    assert to_uint8(images, (-1.0, 1.0)).ravel().tolist() == [0, 128, 255, 255]
    assert to_uint8(images, (0.0, 1.0)).ravel().tolist() == [0, 0, 255, 255]


def test_grid_places_images_row_by_row() -> None:
    images = np.stack([np.full((2, 2, 3), v, dtype=np.uint8) for v in (10, 20, 30)])
    page = grid(images, columns=2, gap=1)
    assert page.shape == (5, 5, 3)
    assert (page[:2, :2] == 10).all()
    assert (page[:2, 3:5] == 20).all()
    assert (page[3:5, :2] == 30).all()
    assert (page[3:5, 3:5] == 255).all()


def test_evaluating_puts_every_part_back_into_its_mode() -> None:
    module = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout())
    module.train()
    module[1].eval()
    with evaluating(module):
        assert not any(m.training for m in module.modules())
        assert not torch.is_grad_enabled()
    assert [m.training for m in module] == [True, False]


def test_the_average_of_a_line_is_the_line_to_both_ends_so_it_does_not_lag() -> None:
    line = np.linspace(5, 1, 200)
    np.testing.assert_allclose(smooth(line, 0.9), line)
    np.testing.assert_allclose(smooth(np.full(50, 3.0), 0.9), 3.0)


def test_the_average_is_smoother_and_as_near_to_a_curve_as_its_noise_allows() -> None:
    curve = 2 * np.exp(-np.arange(300) / 80)
    noisy = curve + 0.1 * np.random.default_rng(0).normal(size=300)
    averaged = smooth(noisy, 0.9)
    assert np.abs(np.diff(averaged)).mean() < np.abs(np.diff(noisy)).mean() / 10
    assert abs((averaged - curve).mean()) < 0.02  # a moving average of the past lags 0.1 behind in the mean
    assert np.abs(averaged - curve).max() < 0.15


@pytest.mark.parametrize("count", [0, 1, 2, 10])
def test_a_short_curve_is_shown_as_it_is(count: int) -> None:
    values = np.arange(count) ** 2.0
    np.testing.assert_array_equal(smooth(values, 0.9), values)


def test_curves_have_values_and_a_named_average_and_axes_with_units() -> None:
    many = list(range(40)), [float(v % 3) for v in range(40)]
    curves = {"train/kld": many, "val/kld": ([3], [1.5])}
    figure = draw_curves(curves, {"KLD": ["train/kld", "val/kld"], "MSE": ["train/mse"]}, smoothing=0.9)
    kld, mse = figure.axes
    assert [len(line.get_xdata()) for line in kld.lines] == [40, 40, 1]
    assert (kld.get_xlabel(), kld.get_ylabel()) == ("iteration (batches)", "KLD (nats)")
    texts = [text.get_text() for text in kld.get_legend().get_texts()]
    assert texts == ["train/kld, average (values pale)", "val/kld"]
    assert (mse.get_title(), mse.get_ylabel()) == ("MSE", "mean squared error")
    assert not mse.lines


def test_the_legend_is_below_the_curves_and_inside_the_picture() -> None:
    names = ["train/loss_d", "train/loss_g", "val/loss_d", "val/loss_g"]
    figure = draw_curves({name: ([1, 2, 3], [3.0, 2.0, 1.0]) for name in names}, {"losses": names}, smoothing=0)
    rendered(figure)
    (axis,) = figure.axes
    box = axis.get_legend().get_window_extent()
    assert 0 <= box.y0 < box.y1 <= axis.xaxis.label.get_window_extent().y0 < axis.get_window_extent().y0


def test_curves_of_one_panel_differ_in_colour_and_in_pattern() -> None:
    names = ["health/diversity", "health/nearest", "val/loss_d", "val/loss_g"]
    curves = {name: ([1, 2, 3], [3.0, 2.0, 1.0]) for name in names}
    (axis,) = draw_curves(curves, {"losses": names}, smoothing=0).axes
    assert len({line.get_color() for line in axis.lines}) == len({line.get_linestyle() for line in axis.lines}) == 4
    many = {"train/a": (list(range(40)), [1.0, 2.0] * 20)}
    (smoothed,) = draw_curves(many, {"losses": ["train/a"]}, smoothing=0.9).axes
    assert len({line.get_color() for line in smoothed.lines}) == 1  # pale and strong


def test_a_setting_that_does_not_change_has_no_panel() -> None:
    def titles(values: list[float]) -> list[str]:
        curves = {"train/kld": ([1, 2], [1.0, 1.0]), "optim/lambda_kl": ([1, 2], values)}
        panels = {"KLD": ["train/kld"], "lambda": ["optim/lambda_kl"]}
        return [axis.get_title() for axis in draw_curves(curves, panels, smoothing=0).axes]

    assert titles([0.1, 0.1]) == ["KLD"]
    assert titles([0.1, 0.2]) == ["KLD", "lambda"]


def test_a_few_huge_first_values_do_not_flatten_a_panel() -> None:
    values = [1e6] + [float(v) for v in np.linspace(2, 1, 99)]
    figure = draw_curves({"train/kld": (list(range(100)), values)}, {"KLD": ["train/kld"]}, smoothing=0)
    assert figure.axes[0].get_ylim()[1] < 10


def test_a_blow_up_at_the_end_stays_in_view() -> None:
    values = [1.0] * 99 + [1e6]
    figure = draw_curves({"train/kld": (list(range(100)), values)}, {"KLD": ["train/kld"]}, smoothing=0)
    assert figure.axes[0].get_ylim()[1] > 1e6


def test_curves_go_on_after_a_value_that_is_not_a_number() -> None:
    curves = {"train/kld": ([1, 2, 3], [3.0, float("nan"), 1.0])}
    (line,) = draw_curves(curves, {"KLD": ["train/kld"]}, smoothing=0).axes[0].lines
    assert list(line.get_ydata()) == [3.0, 1.0]


def test_curves_without_a_metrics_csv_are_refused_at_start(tmp_path: Path) -> None:
    trainer = pl.Trainer(logger=pl.loggers.TensorBoardLogger(tmp_path), accelerator="cpu")
    with pytest.raises(ConfigError, match=r"LearningCurves draws metrics\.csv: keep logger.csv, or leave it out"):
        LearningCurves(panels={}).setup(trainer, pl.LightningModule(), "fit")


def test_custom_scalars_show_a_panels_metrics_and_no_others(tmp_path: Path) -> None:
    panels = {"accuracy": ["train/accuracy", "val/accuracy"], "domain": ["train/accuracy_domain"]}
    writer = SummaryWriter(tmp_path)
    trainer: Any = types.SimpleNamespace(loggers=[types.SimpleNamespace(experiment=writer)])
    LearningCurves(panels=panels).on_fit_start(trainer, pl.LightningModule())
    writer.close()
    content = EventAccumulator(str(tmp_path)).Reload().Tensors("custom_scalars__config__")[0].tensor_proto
    (section,) = Layout.FromString(content.string_val[0]).category
    assert section.title == "LightningModule"
    logged = ["train/accuracy", "train/accuracy_domain", "val/accuracy", "val/accuracy_oracle"]
    shown = {c.title: [m for m in logged if any(re.match(t, m) for t in c.multiline.tag)] for c in section.chart}
    assert shown == panels


def test_an_unknown_attribute_of_the_tsne_is_named() -> None:
    trainer = types.SimpleNamespace(datamodule=types.SimpleNamespace(attributes=["Blond_Hair", "Male"]))
    module = types.SimpleNamespace(features=lambda image: image)
    LatentTSNE().setup(trainer, module, "fit")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"LatentTSNE\.attributes.*'Blond'.*Blond_Hair"):
        LatentTSNE(attributes=["Blond"]).setup(trainer, module, "fit")  # type: ignore[arg-type]


def test_the_best_checkpoint_is_remembered_in_a_moved_folder(tmp_path: Path) -> None:
    state = RunCheckpoint(str(tmp_path / "old/checkpoints")).state_dict()
    best, score = str(tmp_path / "old/checkpoints/best.ckpt"), torch.tensor(0.1)
    state |= {
        "best_model_path": best,
        "best_model_score": torch.tensor(0.1),
        "best_k_models": {best: torch.tensor(0.1)},
    }
    moved = RunCheckpoint(str(tmp_path / "new/checkpoints"))
    moved.load_state_dict(state)
    assert moved.best_model_path == str(tmp_path / "new/checkpoints/best.ckpt")
    assert moved.best_model_score == score
    assert list(moved.best_k_models) == [moved.best_model_path]


class Rising(pl.LightningModule):
    """A model whose validation loss is lowest after the first epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def training_step(self, batch, batch_idx):
        return self.layer(batch).sum()

    def validation_step(self, batch, batch_idx):
        self.log("val/loss", float(self.current_epoch))

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.mark.parametrize("monitor", ["val/loss", None])
def test_the_last_checkpoint_is_saved_after_every_epoch(tmp_path: Path, monitor: str | None) -> None:
    saved = []

    class Look(pl.Callback):
        def on_train_epoch_start(self, trainer, module):
            last = tmp_path / "last.ckpt"
            saved.append(torch.load(last, weights_only=True)["global_step"] if last.exists() else None)

    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    callbacks = [RunCheckpoint(str(tmp_path), monitor), Look()]
    data = torch.utils.data.DataLoader(torch.ones(2, 1))
    trainer = pl.Trainer(max_epochs=4, num_sanity_val_steps=0, callbacks=callbacks, **quiet)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*does not have many workers")
        trainer.fit(Rising(), data, data)
    assert saved == [None, 2, 4, 6]
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["global_step"] == 8
    if monitor:
        assert torch.load(tmp_path / "best.ckpt", weights_only=True)["global_step"] == 2
    assert {p.name for p in tmp_path.iterdir()} == {"last.ckpt"} | ({"best.ckpt"} if monitor else set())


def test_loggers_are_told_of_the_last_checkpoint_which_knows_its_own_path(tmp_path: Path) -> None:
    told, saved = [], []
    callback = RunCheckpoint(str(tmp_path), monitor=None, every_n_iterations=2)
    logger = types.SimpleNamespace(after_save_checkpoint=lambda c: told.append(c.last_model_path))
    trainer: Any = types.SimpleNamespace(loggers=[logger], is_global_zero=True)
    trainer.save_checkpoint = lambda file: saved.append((file, callback.state_dict()["last_model_path"]))
    for iteration, stopping in ((1, False), (2, False), (3, True)):
        callback.on_iteration_end(trainer, types.SimpleNamespace(iteration=iteration), stopping)
    last = str(tmp_path / "last.ckpt")
    assert saved == [(last, last)] * 2  # as it was due, as it stops
    assert told == [last] * 2
    trainer.is_global_zero = False
    callback.save_last_checkpoint(trainer)
    assert len(saved) == 3  # all processes take part
    assert len(told) == 2


def test_embedding_is_seeded_and_separates_clusters() -> None:
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(c, 0.1, (30, 80)) for c in (-1, 1)]).astype(np.float32)
    points = embed(features, seed=0)
    np.testing.assert_array_equal(points, embed(features, seed=0))
    inside = np.linalg.norm(points[:30] - points[:30].mean(0), axis=1).mean()
    assert np.linalg.norm(points[:30].mean(0) - points[30:].mean(0)) > 3 * inside


def test_reconstruction_metrics_by_hand() -> None:
    recorded: dict[str, Any] = {}

    class Half:
        """Decodes every image to 0 in (-1, 1); two latents, of which one never varies."""

        value_range = (-1.0, 1.0)

        def labels_of(self, batch):
            return None

        def encode(self, image, labels):
            return torch.stack([image.mean((1, 2, 3)), torch.zeros(len(image))], 1), torch.zeros(len(image), 2)

        def decode(self, z, labels):
            return torch.zeros(len(z), 3, 16, 16)

        def record(self, stage, values, count=1):
            recorded.update({k: float(v) for k, v in values.items()})

        def publish(self, stage):
            assert stage == "test"

    callback = ReconstructionMetrics()
    image = torch.stack([torch.full((3, 16, 16), 0.5), torch.full((3, 16, 16), -1.0)])
    callback.on_test_batch_end(None, Half(), None, {"image": image}, 0)  # type: ignore[arg-type]
    one_process = types.SimpleNamespace(strategy=types.SimpleNamespace(reduce=lambda t, reduce_op: t))
    callback.on_test_epoch_end(one_process, Half())  # type: ignore[arg-type]
    assert recorded["mse_pm1"] == pytest.approx((0.25 + 1) / 2)
    assert recorded["mse_01"] == pytest.approx((0.0625 + 0.25) / 2)
    assert recorded["psnr"] == pytest.approx(-10 * (np.log10(0.0625) + np.log10(0.25)) / 2)
    assert recorded["kld_nats"] == pytest.approx((0.25 + 1) / 2 / 2)
    assert recorded.pop("active_units") == 1
    callback.on_test_batch_end(None, Half(), None, {"image": image[:1]}, 0)  # type: ignore[arg-type]
    callback.on_test_epoch_end(one_process, Half())  # type: ignore[arg-type]
    assert "active_units" not in recorded  # one image has no variance


def test_figures_are_drawn_on_schedule_and_once_at_the_end() -> None:
    drawn: list[int] = []

    class GraphReplayer(LearningCurves):
        def draw(self, trainer, module):
            drawn.append(module.iteration)

    callback = GraphReplayer(panels={}, every_n_epochs=2)
    module = types.SimpleNamespace(iteration=0, modules=lambda: [], eval=lambda: None)
    for epoch in range(5):
        module.iteration = 10 * (epoch + 1)
        callback.on_train_epoch_end(types.SimpleNamespace(current_epoch=epoch, is_global_zero=True), module)  # type: ignore[arg-type]
    callback.on_train_end(types.SimpleNamespace(is_global_zero=True), module)  # type: ignore[arg-type]
    callback.on_train_end(types.SimpleNamespace(is_global_zero=True), module)  # type: ignore[arg-type]
    assert drawn == [20, 40, 50]


def test_flatten_gives_plain_values_under_dotted_keys() -> None:
    nested = {"model": {"_target_": "a.B", "_partial_": True, "lr": 0.1, "betas": [0.9, 0.99]}, "none": None}
    assert dict(flatten(nested)) == {
        "model.target": "a.B",
        "model.lr": 0.1,
        "model.betas": [0.9, 0.99],
        "none": None,
    }


def test_new_pictures_and_a_removed_folder_of_runs_are_no_change_of_the_code_but_new_code_is(tmp_path: Path) -> None:
    def git(*args: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *who, *args], cwd=tmp_path, check=True, capture_output=True)

    package = tmp_path / "package"
    package.mkdir()
    (package / "a.py").touch()
    for folder in ("outputs", "docs"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "kept").touch()
    git("init")
    git("add", ".")
    git("commit", "-m", "a")
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "1.png").touch()
    (tmp_path / "report.html").touch()
    (tmp_path / "outputs" / "kept").unlink()
    (tmp_path / "docs" / "kept").write_text("more", encoding="utf-8")
    assert git_state(package)["git_dirty"] is False
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "mine.yaml").touch()
    assert git_state(package)["git_dirty"] is True
    (tmp_path / "conf" / "mine.yaml").unlink()
    (package / "a.py").write_text("1", encoding="utf-8")
    assert git_state(package)["git_dirty"] is True


def test_outside_a_checkout_the_commit_is_unknown(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {"git_commit": None, "git_dirty": None}
