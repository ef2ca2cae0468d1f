"""The progress variable, logging, and checkpoints, looked at through one finished run."""

import functools
from pathlib import Path
from typing import Any

import pytest
import torch

import lightning_modules
from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.runs.curves import read_metrics
from lightning_modules.base import BaseModule
from lightning_modules.checkpoint import restore
from lightning_modules.networks.vae import WideVAE
from lightning_modules.vae import VAE

OLD_RUNS = Path(__file__).resolve().parents[1] / "fixtures" / "old_runs"


def test_every_iteration_is_logged_once_at_its_own_x(tiny_run) -> None:
    curves = read_metrics(tiny_run[0] / "metrics.csv")
    assert curves["train/loss"][0] == [1, 2, 3, 4, 5, 6]  # 2 epochs of 96 images in batches of 32
    assert curves["val/loss"][0] == [3, 6]
    assert curves["test/mse_01"][0] == [6]


def test_load_from_a_run_folder_rebuilds_the_module(tiny_run) -> None:
    module = lightning_modules.load(tiny_run[0])
    assert isinstance(module, VAE)
    assert module.iteration == 6
    assert not module.training
    again = lightning_modules.load(tiny_run[0] / "checkpoints" / "last.ckpt")
    noise = module.noise(2, seed=0)
    assert torch.equal(module.sample(2, noise), again.sample(2, noise))
    assert isinstance(lightning_modules.load(str(tiny_run[0]), checkpoint="best"), VAE)


def test_checkpoints_hold_plain_data_only(tiny_run) -> None:
    checkpoint = torch.load(tiny_run[0] / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["adversaria"]["model"]["_target_"] == "lightning_modules.vae.VAE"
    assert checkpoint["adversaria"]["iteration"] == 6


def test_absent_damaged_and_foreign_checkpoints_are_named(tmp_path: Path, tiny_run) -> None:
    with pytest.raises(CheckpointError, match=r"no checkpoint .*nothing\.ckpt"):
        lightning_modules.load(tmp_path / "nothing.ckpt")
    whole = (tiny_run[0] / "checkpoints" / "last.ckpt").read_bytes()
    damaged = tmp_path / "damaged.ckpt"
    damaged.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"damaged\.ckpt is not a readable checkpoint"):
        lightning_modules.load(damaged)
    foreign = tmp_path / "foreign.ckpt"
    torch.save({"state_dict": {}}, foreign)
    with pytest.raises(CheckpointError, match=r"foreign\.ckpt"):
        lightning_modules.load(foreign)


def test_a_hostile_checkpoint_runs_nothing(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"state_dict": Hostile(), "adversaria": {}}, tmp_path / "pickle.ckpt")
    config = {"_target_": "os.system", "command": f"touch {tmp_path / 'ran'}"}
    entry = {"model": config, "iteration": 0}
    torch.save({"state_dict": {}, "adversaria": entry}, tmp_path / "target.ckpt")
    for name in ("pickle.ckpt", "target.ckpt"):
        with pytest.raises(CheckpointError):
            lightning_modules.load(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_entries_of_version_0_1_0_are_understood() -> None:
    module = BaseModule()
    module.saved_attributes = (*module.saved_attributes, "update_counts", "discriminator_accuracy")
    restore(module, {"iteration": 3, "images": 48, "turns": {"generator": 2}, "accuracy": 0.25})
    assert (module.iteration, module.images) == (3, 48)
    assert module.update_counts == {"generator": 2}
    assert module.discriminator_accuracy == 0.25


@pytest.mark.parametrize("run", sorted(OLD_RUNS.iterdir()), ids=lambda run: run.name)
def test_checkpoints_of_version_0_1_0_load(run: Path) -> None:
    module: Any = lightning_modules.load(run)
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    assert module.state_dict().keys() == checkpoint["state_dict"].keys()
    module.on_load_checkpoint(checkpoint)
    assert module.iteration == 2
    assert getattr(module, "update_counts", None) == checkpoint["adversaria"].get("turns")


def test_data_of_another_range_or_size_is_refused_before_training() -> None:
    module = VAE(WideVAE(width=2, latent_dim=2), functools.partial(torch.optim.Adam, lr=1e-3))

    class Data:
        value_range = (-1.0, 1.0)
        image_size = 64

    with pytest.raises(ConfigError, match=r"data\.value_range=\[-1,1\].*set data\.value_range=\[0,1\]"):
        module.check_data(Data())
    Data.value_range, Data.image_size = (0.0, 1.0), 32
    with pytest.raises(ConfigError, match=r"data\.image_size=32.*set data\.image_size=64"):
        module.check_data(Data())


def test_progress_is_the_share_of_all_batches() -> None:
    class Trainer:
        max_epochs, num_training_batches = 4, 5

    module = BaseModule()
    module._trainer = Trainer()  # type: ignore[assignment]
    module.iteration = 5
    assert module.progress == 0.25
    module.iteration = 99
    assert module.progress == 1.0


def test_the_mean_of_a_constant_is_the_constant() -> None:
    written: list[dict[str, float]] = []

    class Logger:
        def log_metrics(self, values: dict[str, float], step: int) -> None:
            written.append(values)

    class Trainer:
        world_size, loggers = 1, [Logger()]

    module = BaseModule()
    module._trainer = Trainer()  # type: ignore[assignment]
    logged: list[str] = []
    module.log = lambda name, *_, **__: logged.append(name)  # type: ignore[method-assign, assignment]
    for _ in range(10):
        module.record("optim", {"lambda_kl": 1e-5})
        module.record("train", {"mse": torch.tensor(0.25)})
    module.publish("optim")
    module.publish("train")
    assert written == [{"optim/lambda_kl": 1e-5}, {"train/mse": 0.25}]
    assert logged == ["optim/lambda_kl", "train/mse"]
    module.record("train", {"mse": 1.0, "loss": 2.0})
    module.publish("train", to_callbacks=False)
    assert written[-1] == {"train/mse": 1.0, "train/loss": 2.0}
    assert len(logged) == 2
    assert module.progress_bar_losses == {"train/loss": 2.0}
