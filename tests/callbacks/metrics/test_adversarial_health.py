"""The watch over a game of two networks: what it measures, when it warns, and that its advice can be followed."""

import logging
import re

import pytest
import pytorch_lightning as pl
import torch

from adversaria.config.errors import ConfigError
from callbacks.metrics.adversarial_health import AdversarialHealth, pairwise_distances


class Logger:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[tuple[dict[str, float], int]] = []

    def log_metrics(self, metrics, step) -> None:
        self.lines.append((metrics, step))


@pytest.fixture
def epochs(unconditional, trainer_on, caplog):
    """Run epochs in which the samples are the real images times a factor; return logged diversities and warnings."""
    callback, logger = AdversarialHealth(count=16, warm_up=0), Logger()
    trainer = trainer_on([[0]] * 16)
    trainer.loggers = [logger]

    def run(*factors: float, **accuracies: float) -> tuple[list[float], list[str]]:
        logger.lines.clear()
        caplog.clear()
        trainer.callback_metrics = {f"train/accuracy_{k}": torch.tensor(v) for k, v in accuracies.items()}
        with caplog.at_level(logging.WARNING):
            for factor in factors:
                real = trainer.datamodule.images("train", 16)["image"]
                unconditional.sample = lambda count, noise, f=factor, real=real: real * f
                callback.on_train_epoch_end(trainer, unconditional)
        assert {step for _, step in logger.lines} == {unconditional.iteration}
        return [values["health/diversity"] for values, _ in logger.lines], [r.getMessage() for r in caplog.records]

    return run


def test_distances_by_hand() -> None:
    black, white = torch.zeros(1, 3, 4, 4), torch.ones(1, 3, 4, 4)
    assert pairwise_distances(torch.cat([black, white])) == pytest.approx((1, 1))
    assert pairwise_distances(torch.cat([-white, white])) == pytest.approx((2, 2))
    # three pairs: distances 1, 0 and 1; two images have a twin
    assert pairwise_distances(torch.cat([black, white, white])) == pytest.approx((2 / 3, 1 / 3))
    assert pairwise_distances(torch.cat([white, white])) == (0, 0)
    half = torch.zeros(1, 1, 2, 2)
    half[..., 0] = 1  # differs from black in half of the values
    assert pairwise_distances(torch.cat([half, torch.zeros(1, 1, 2, 2)])) == pytest.approx((0.5**0.5, 0.5**0.5))


def test_a_generator_that_repeats_a_few_images_has_collapsed(epochs, unconditional, trainer_on, caplog) -> None:
    modes = torch.linspace(0, 1, 4).view(4, 1, 1, 1).expand(4, 3, 4, 4)
    unconditional.sample = lambda count, noise: modes.repeat(4, 1, 1, 1)
    trainer = trainer_on([[0]] * 16)
    trainer.loggers, trainer.callback_metrics = [logger := Logger()], {}
    callback = AdversarialHealth(count=16, warm_up=0, patience=1)
    with caplog.at_level(logging.WARNING):
        callback.on_train_epoch_end(trainer, unconditional)
    ((values, _),) = logger.lines
    assert values["health/diversity"] > 0.9
    assert values["health/nearest"] == pytest.approx(0, abs=1e-3)
    assert "mode collapse" in caplog.text


def test_first_samples_are_given_time(unconditional, trainer_on, caplog) -> None:
    unconditional.sample = lambda count, noise: torch.zeros(count, 3, 4, 4)
    trainer = trainer_on([[0]] * 4)
    trainer.loggers, trainer.callback_metrics = [], {}
    callback = AdversarialHealth(count=4, warm_up=100, patience=1)
    for images in (50, 99, 100):
        unconditional.images = images
        assert not caplog.records
        callback.on_train_epoch_end(trainer, unconditional)
    assert "mode collapse" in caplog.text


def test_the_diversity_is_that_of_samples_over_that_of_real_images(epochs) -> None:
    diversities, warnings = epochs(1.0, 0.5, 2.0)
    assert diversities == pytest.approx([1.0, 0.5, 2.0])
    assert warnings == []


def test_a_collapse_is_told_once_after_as_many_epochs_as_the_patience(epochs) -> None:
    assert epochs(0.0, 0.0) == ([0.0, 0.0], [])
    _, (warning,) = epochs(0.0)
    assert warning.startswith("mode collapse")
    assert epochs(0.0, 0.0, 0.0)[1] == []


def test_a_recovery_starts_the_count_again(epochs) -> None:
    assert epochs(0.39, 0.39, 0.41, 0.39, 0.39)[1] == []
    assert len(epochs(0.39)[1]) == 1
    assert epochs(1.0, 0.0, 0.0)[1] == []
    assert len(epochs(0.0)[1]) == 1  # a second collapse is told too


def test_a_discriminator_that_is_always_right_has_won(epochs) -> None:
    assert epochs(1.0, 1.0, real=1.0, fake=1.0)[1] == []
    _, (warning,) = epochs(1.0, real=1.0, fake=1.0)
    assert warning.startswith("the discriminator has won")
    assert "99%" in warning
    assert "3 epochs" in warning


@pytest.mark.parametrize(
    "accuracies", [{"real": 0.8, "fake": 0.8}, {"real": 1.0, "fake": 0.8}, {"real": 0.8, "fake": 1}]
)
def test_a_discriminator_that_errs_on_one_kind_has_not_won(epochs, accuracies: dict[str, float]) -> None:
    assert epochs(*[1.0] * 5, **accuracies)[1] == []


def test_a_critic_has_no_accuracy_and_never_wins(epochs) -> None:
    assert epochs(*[1.0] * 5)[1] == []
    _, (warning,) = epochs(0.0, 0.0, 0.0)  # but its generator can collapse
    assert "mode collapse" in warning


def test_the_advice_names_keys_and_choices_that_exist(epochs, compose) -> None:
    text = " ".join(epochs(0.0, 0.0, 0.0, real=1.0, fake=1.0)[1])
    named = re.findall(r"\b(?:model|data|trainer|callbacks)\.[a-z_0-9.]*[a-z_0-9]", text)
    assert {"model.discriminator.optimizer.lr", "model.r1", "model.instance_noise"} <= set(named)
    config = compose("model=gan")
    for key in named:
        node = config
        for part in key.split("."):
            assert part in node, key
            node = node[part]
    compose("model=gan", *re.findall(r"model\.\S+=[\d.]*\d", text))  # and the values can be given as they are


def test_other_processes_only_wait(unconditional, trainer_on) -> None:
    trainer = trainer_on([[0]])
    trainer.is_global_zero = False
    unconditional.noise = None  # would fail if it were asked
    AdversarialHealth().on_train_epoch_end(trainer, unconditional)


def test_watching_leaves_the_random_state_and_the_mode_alone(unconditional, trainer_on) -> None:
    unconditional.train()
    before = torch.get_rng_state()
    AdversarialHealth(count=4).on_train_epoch_end(trainer_on([[0], [1]]), unconditional)
    assert torch.equal(before, torch.get_rng_state())
    assert unconditional.training


def test_a_model_that_cannot_sample_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"AdversarialHealth needs a model that is a Sampler.*leave it out$"):
        AdversarialHealth().setup(pl.Trainer(logger=False, accelerator="cpu"), pl.LightningModule(), "fit")
