"""FID, KID and IS: the figures by independent formulas, and what the callback generates for them."""

import numpy as np
import pytest
import pytorch_lightning as pl
import torch

from adversaria.config import schema
from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import callbacks_of
from adversaria.measures import distances as measures
from adversaria.measures.distances import RealFeatures, inception_score
from adversaria.measures.domains import proxy_a_distance
from callbacks.metrics.generation import GenerationMetrics


def gaussian(count: int, mean: float | list[float] = 0.0, seed: int = 0) -> torch.Tensor:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(count, 4, generator=g) + torch.tensor(mean)


def distances(real: torch.Tensor, fake: torch.Tensor, name: str) -> dict[str, torch.Tensor]:
    return measures.distances(RealFeatures.of(real), fake, name)


def fid_by_formula(real: np.ndarray, fake: np.ndarray) -> float:
    """Heusel et al. 2017, equation 6; the trace of (ab)^½ is that of (a^½ b a^½)^½, which is symmetric."""
    a, b = np.cov(real.T), np.cov(fake.T)
    values, vectors = np.linalg.eigh(a)
    root = vectors @ np.diag(np.sqrt(values.clip(0))) @ vectors.T
    mixed = np.sqrt(np.linalg.eigvalsh(root @ b @ root).clip(0)).sum()
    return float(np.square(real.mean(0) - fake.mean(0)).sum() + np.trace(a + b) - 2 * mixed)


def kid_by_formula(real: np.ndarray, fake: np.ndarray) -> float:
    """Bińkowski et al. 2018, equation 4, of sets of equal size with the kernel (x·y / d + 1)³."""
    n, d = real.shape

    def kernel(a, b):
        return (a @ b.T / d + 1) ** 3

    off = ~np.eye(n, dtype=bool)
    same = kernel(real, real)[off].mean() + kernel(fake, fake)[off].mean()
    return float(same - 2 * kernel(real, fake).mean())


def test_a_set_is_at_no_distance_from_itself() -> None:
    x = gaussian(2000)
    values = distances(x, x, "x")
    assert values.keys() == {"fid_x", "kid_x"}
    assert float(values["fid_x"]) == pytest.approx(0, abs=1e-4)
    assert float(values["kid_x"]) == pytest.approx(0, abs=0.02)  # unbiased: a little below 0


def test_a_single_image_is_at_no_distance() -> None:
    assert distances(gaussian(1), gaussian(9), "x") == distances(gaussian(9), gaussian(1), "x") == {}
    assert distances(gaussian(2), gaussian(2), "x").keys() == {"fid_x", "kid_x"}
    assert proxy_a_distance(gaussian(1).numpy(), gaussian(9).numpy()) is None
    assert proxy_a_distance(gaussian(2).numpy(), gaussian(9).numpy()) is not None


def test_the_fid_of_shifted_gaussians_is_the_squared_shift() -> None:
    values = distances(gaussian(10_000), gaussian(10_000, [3.0, 0.0, -4.0, 0.0], seed=1), "x")
    assert float(values["fid_x"]) == pytest.approx(25, rel=0.02)


def test_the_fid_of_scaled_gaussians_is_the_squared_difference_of_deviations() -> None:
    values = distances(gaussian(10_000), 3 * gaussian(10_000, seed=1), "x")
    assert float(values["fid_x"]) == pytest.approx(4 * (3 - 1) ** 2, rel=0.03)  # in each of 4 dimensions


def test_the_kid_tells_a_shift_from_chance() -> None:
    same = distances(gaussian(1000), gaussian(1000, seed=1), "x")["kid_x"]
    other = distances(gaussian(1000), gaussian(1000, 0.5, seed=1), "x")["kid_x"]
    assert abs(float(same)) < 0.02
    assert float(other) > 0.2


def test_the_distances_agree_with_their_formulas() -> None:
    real, fake = gaussian(40), 1.5 * gaussian(40, [1.0, 0.0, 0.0, -1.0], seed=1)
    values = distances(real, fake, "x")
    assert float(values["fid_x"]) == pytest.approx(fid_by_formula(real.numpy(), fake.numpy()), rel=1e-4)
    assert float(values["kid_x"]) == pytest.approx(kid_by_formula(real.numpy(), fake.numpy()), rel=1e-4)


def test_the_inception_score_is_one_for_identical_images() -> None:
    assert float(inception_score(torch.tensor([[2.0, -1.0, 0.5]]).expand(100, -1))) == pytest.approx(1)


@pytest.mark.parametrize("classes", [2, 10])
def test_the_inception_score_counts_classes_that_are_told_with_certainty(classes: int) -> None:
    logits = 50 * torch.eye(classes)[torch.arange(10_000) % classes]
    assert float(inception_score(logits)) == pytest.approx(classes, rel=0.02)


def test_the_inception_score_by_formula() -> None:
    logits = torch.tensor([[1.0, 0.0], [0.0, 2.0]]).repeat(500, 1)
    p = logits[:2].double().softmax(1)
    expected = (p * (p / p.mean(0)).log()).sum(1).mean().exp()
    assert float(inception_score(logits)) == pytest.approx(float(expected), abs=0.01)


# -- the callback
def measured(module, extractor, trainer, **options) -> dict[str, float]:
    callback = GenerationMetrics(
        lambda data: extractor, **{"count": 30, "batch_size": 8, "label_images": 20, **options}
    )
    callback.setup(trainer, module, "test")
    callback.on_test_epoch_end(trainer, module)
    return module.recorded


def test_the_figures_are_those_of_generated_images_against_all_test_images(unconditional, colours, trainer_on) -> None:
    trainer = trainer_on([[0]] * 25)
    values = measured(unconditional, colours(), trainer)
    real = (trainer.datamodule.images("test", 25)["image"][:, :, 0, 0] * 255).round().numpy()
    fake = (unconditional.noise(30, 3) * 255).round().numpy()
    assert values["test/fid_colours"] == pytest.approx(fid_by_formula(real, fake), rel=1e-4)
    assert values["test/kid_colours"] > 0
    # the stand-in's train split is its test split
    assert values["test/fid_colours_floor"] == pytest.approx(0, abs=1e-3)
    assert values["test/is_colours"] > 1
    compared = ("fid", "kid", "precision", "recall", "density", "coverage")
    assert values.keys() == {f"test/{k}_colours{f}" for k in compared for f in ("", "_floor")} | {"test/is_colours"}
    assert values["test/precision_colours_floor"] == values["test/coverage_colours_floor"] == 1
    assert 0 < values["test/precision_colours"] < 1


def test_a_mixture_of_latents_has_figures_of_its_own(unconditional, colours, trainer_on) -> None:
    module, plain = unconditional, unconditional.noise
    module.mixture, module.sampler = "of darker colours", "prior"
    module.noise = lambda count, seed: plain(count, seed) * (0.5 if module.sampler == "mixture" else 1)
    trainer = trainer_on([[0]] * 25)
    values = measured(module, colours(), trainer)
    real = (trainer.datamodule.images("test", 25)["image"][:, :, 0, 0] * 255).round().numpy()
    for name, factor in (("test/fid_colours", 1), ("test/fid_colours_mixture", 0.5)):
        fake = (plain(30, 3) * factor * 255).round().numpy()
        assert values[name] == pytest.approx(fid_by_formula(real, fake), rel=1e-4)
    compared = ("fid", "kid", "precision", "recall", "density", "coverage")
    assert {name for name in values if name.endswith("_mixture")} == {f"test/{k}_colours_mixture" for k in compared}
    assert module.sampler == "prior"


def test_the_inception_score_needs_one_label_of_several_values(conditional, colours, trainer_on) -> None:
    for labels, has in ((("digit",), True), (("Smiling",), False), (("digit", "Smiling"), False)):
        values = measured(conditional(*labels), colours(*labels), trainer_on([[0] * len(labels), [1] * len(labels)]))
        assert ("test/is_colours" in values) == has, labels


def test_a_label_that_the_classifier_does_not_know_is_refused_before_training(conditional, colours, trainer_on) -> None:
    callback = GenerationMetrics(lambda data: colours("Smiling"))
    with pytest.raises(ConfigError, match="does not know Male; leave labels out"):
        callback.setup(trainer_on([[0, 1]]), conditional("Smiling", "Male"), "fit")


def test_a_conditional_model_is_given_the_labels_of_the_test_images_in_turn(conditional, colours, trainer_on) -> None:
    module = conditional("digit")
    measured(module, colours(), trainer_on([[4], [2], [9]]))
    assert [len(noise) for noise, _ in module.asked] == [8, 8, 8, 6]
    assert torch.cat([labels for _, labels in module.asked])[:, 0].tolist() == [4, 2, 9] * 10
    assert torch.equal(torch.cat([noise for noise, _ in module.asked]), module.noise(30, 3))


def test_the_accuracy_on_labels_joins_the_figures(conditional, colours, trainer_on) -> None:
    values = measured(conditional("digit"), colours("digit"), trainer_on([[4], [2], [9]]))
    assert values["test/label_accuracy_colours"] == 1


def test_the_figures_neither_use_nor_move_the_global_random_state(conditional, colours, trainer_on) -> None:
    results = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        module = conditional("digit")
        plain = module.sample
        module.sample = lambda *a, plain=plain, **k: (plain(*a, **k) + 0.2 * torch.rand(1)).clamp(
            0, 1
        )  # a dropout, say
        results.append(measured(module, colours("digit"), trainer_on([[4], [2], [9]])))
        assert torch.equal(before, torch.get_rng_state())
    assert results[0] == results[1]


@pytest.mark.parametrize("setting", ["count=1", "label_images=5", "split=tets"])
def test_settings_without_a_result_are_refused_before_training(
    compose, conditional, colours, trainer_on, setting
) -> None:
    def start() -> None:
        config = compose("model=acgan", "metrics=classifier", f"callbacks.generation_metrics.{setting}")
        schema.check(config)
        (callback,) = (c for c in callbacks_of(config) if isinstance(c, GenerationMetrics))
        callback.make_extractor = lambda data: colours("digit")
        callback.setup(trainer_on([[1], [2], [3]]), conditional("digit"), "fit")

    with pytest.raises(ConfigError, match=rf"callbacks\.generation_metrics\.{setting.split('=')[0]}"):
        start()


def test_the_extractor_is_loaded_once_before_training(unconditional, trainer_on, colours) -> None:
    loaded = []
    trainer = trainer_on([[0]])
    callback = GenerationMetrics(lambda data: loaded.append(data) or colours().train())
    for stage in ("fit", "test"):
        callback.setup(trainer, unconditional, stage)
    assert loaded == [trainer.datamodule]
    assert not callback.extractor.training


def test_the_validation_split_has_no_floor_beside_itself(unconditional, colours, trainer_on) -> None:
    values = measured(unconditional, colours(), trainer_on([[0]] * 25), split="val")
    assert "test/fid_colours" in values
    assert not [name for name in values if name.endswith("_floor")]


def test_the_protocol_names_counts_split_and_extractor(unconditional, colours, trainer_on) -> None:
    callback = GenerationMetrics(lambda data: colours(), count=77, split="val")
    callback.setup(trainer_on([[0]]), unconditional, "fit")
    protocol = callback.protocol()
    assert (protocol["n_generated"], protocol["compared_with"], protocol["extractor"]) == (77, "val", "colours")
    assert "floor_split" not in protocol


def test_a_model_that_cannot_sample_is_refused_before_the_extractor_is_loaded(trainer_on) -> None:
    callback = GenerationMetrics(lambda data: pytest.fail("loaded"))
    with pytest.raises(ConfigError, match=r"GenerationMetrics needs a model that is a Sampler.*leave it out$"):
        callback.setup(trainer_on([[0]]), pl.LightningModule(), "fit")
