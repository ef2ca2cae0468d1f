"""The methods: what their options do to a tiny model."""

import functools
import math
import types

import pytest
import torch
from torch.nn.utils import parametrize

from adversaria.config.errors import ConfigError
from lightning_modules.classifier import Classifier
from lightning_modules.ema import ExponentialAverage
from lightning_modules.losses import AdversarialLoss, least_squares_discriminator, least_squares_generator
from lightning_modules.networks.batch_norm import batch_statistics
from lightning_modules.networks.classifier import ConvClassifier
from lightning_modules.networks.gan import CompactGAN
from lightning_modules.schedules import linear_warmup

EMA = functools.partial(ExponentialAverage, half_life=20.0, ramp_up=0.0)


def data(attributes: list[str], image_size: int = 12) -> types.SimpleNamespace:
    return types.SimpleNamespace(attributes=attributes, image_size=image_size, value_range=(-1.0, 1.0))


def test_noise_is_a_function_of_the_seed(make) -> None:
    gan = make()
    assert torch.equal(gan.noise(5, seed=1), gan.noise(5, seed=1))
    assert not torch.equal(gan.noise(5, seed=1), gan.noise(5, seed=2))


def test_truncation_bounds_the_noise_and_keeps_it_spread(make) -> None:
    noise = make(truncation=0.5).noise(2000, seed=0)
    assert noise.abs().max() <= 0.5
    assert noise.std() == pytest.approx(0.28, abs=0.02)  # of a normal truncated at ±0.5
    assert make().noise(2000, seed=0).abs().max() > 3


def test_noise_changes_smoothly_with_its_bound(make) -> None:
    free, wide, wider = (make(truncation=bound).noise(500, seed=0) for bound in (None, 1.0, 1.01))
    assert (wide - wider).abs().max() < 0.02
    assert torch.equal(wide.flatten().argsort(), free.flatten().argsort())
    assert torch.allclose(make(truncation=6.0).noise(500, seed=0), free, atol=1e-3)


def test_samples_are_of_the_averaged_weights(make, make_batches, train_on) -> None:
    gan = make(ema=EMA)
    train_on(gan, make_batches(3))
    noise = gan.noise(4, seed=0)
    gan.eval()
    assert torch.equal(gan.sample(4, noise), gan.ema.network(noise))
    assert not torch.allclose(gan.sample(4, noise), gan.network.generator(noise))
    assert gan.images == 18  # 3 batches of 6


def test_the_average_follows_once_an_iteration_by_the_images_seen(make, make_update, make_batches, train_on) -> None:
    gan = make(ema=EMA, generator=make_update(repeat=3))
    calls: list[tuple[int, int]] = []
    gan.ema.update = lambda network, new, seen: calls.append((new, seen))
    train_on(gan, make_batches(2))
    assert calls == [(6, 6), (6, 12)]


def test_r1_is_due_by_steps_of_the_discriminator_whatever_their_rhythm(
    make, make_update, make_batches, train_on
) -> None:
    gan = make(r1=1.0, r1_every=4, discriminator=make_update(every=2, repeat=3))
    seen: list[int] = []
    penalties = gan.penalties
    gan.penalties = lambda real, fake: (
        seen.append(gan.update_counts.get("discriminator", 0)) if (terms := penalties(real, fake)) else None,
        terms,
    )[1]
    train_on(gan, make_batches(8))  # 4 iterations with 3 steps each
    assert seen == [0, 4, 8]


def test_accuracy_of_least_squares_is_judged_between_its_targets(make) -> None:
    loss = AdversarialLoss(least_squares_discriminator, least_squares_generator, boundary=0.5)
    metrics = make(loss=loss).discriminator_metrics(torch.tensor([0.9, 0.4]), torch.tensor([0.1, 0.2]))
    assert {k: v.item() for k, v in metrics.items()} == {"accuracy_real": 0.5, "accuracy_fake": 1.0}


def test_batch_statistics_are_those_of_the_batch_and_are_not_remembered() -> None:
    network = torch.nn.Sequential(torch.nn.BatchNorm1d(1, affine=False), torch.nn.Dropout(0.5)).eval()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    with batch_statistics(network):
        out = network(torch.tensor([[1.0], [3.0]]))
    torch.testing.assert_close(out, torch.tensor([[-1.0], [1.0]]), rtol=1e-4, atol=1e-4)
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert not any(m.training for m in network.modules())
    torch.testing.assert_close(network(torch.tensor([[2.0]])), torch.tensor([[2.0]]), rtol=1e-4, atol=1e-4)


def test_a_discriminator_s_logits_are_float32_under_bf16(make) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, told = make("acgan").network.discriminator(torch.rand(2, 3, 12, 12))
    assert logits.dtype == told.dtype == torch.float32


def test_generator_batches_multiply_the_noise_of_a_step(make, make_batches, train_on) -> None:
    gan = make(generator_batches=2)
    counts: list[int] = []
    gan.network.generator.register_forward_hook(lambda m, inputs, image: counts.append(len(image)))
    train_on(gan, make_batches(1))
    assert counts[:2] == [6, 12]


def test_r1_is_lazy_and_weighted_with_its_interval(make, make_batches, train_on) -> None:
    gan = make(r1=2.0, r1_every=4)
    seen: dict[int, float] = {}
    record = gan.record

    def look(stage, values, count=1):
        if "r1" in values:
            seen[gan.iteration] = values["r1"].item()
        record(stage, values, count)

    gan.record = look
    train_on(gan, make_batches(9))
    assert list(seen) == [0, 4, 8]
    batch = make_batches(1)[0]["image"]
    always, lazy = (make(r1=2.0, r1_every=n).penalties(batch, batch)["r1"].item() for n in (1, 4))
    assert lazy == pytest.approx(4 * always)


def test_r2_is_the_penalty_at_generated_images(make, make_batches) -> None:
    real, fake = (batch["image"] for batch in make_batches(2))
    terms = make(r1=2.0, r2=3.0, r1_every=4).penalties(real, fake)
    for name, weight, image in (("r1", 2.0, real), ("r2", 3.0, fake)):
        alone = make(r1=1.0, r1_every=1).penalties(image, image)["r1"]
        torch.testing.assert_close(terms[name], weight * 4 * alone)


def test_the_weights_of_the_penalties_follow_their_schedules(make, make_batches) -> None:
    fall = functools.partial(linear_warmup, start=2.0, end=0.0, iterations=4)
    gan, (batch,) = make(r1=fall, r2=1.0, r1_every=1), make_batches(1)
    image, found, keys = batch["image"], [], []
    for gan.iteration in (0, 1, 3, 4):
        found.append(gan.penalties(image, image))
        keys.append(gan.phases()[0].graph_key())
    assert [terms.keys() for terms in found] == [{"r1", "r2"}] * 3 + [{"r2"}]  # no gradient is computed for nothing
    assert [(t["r1"] / t["r2"]).item() for t in found[:3]] == pytest.approx([2, 1.5, 0.5])
    assert len(set(keys[:3])) == 1  # one recorded step, whose weights change
    assert keys[3] != keys[0]


def test_penalties_are_of_the_images_before_their_augmentation(make, make_batches) -> None:
    """The slope at a pixel that is cut out is 0, so less is left of the penalty."""
    image = torch.cat([batch["image"] for batch in make_batches(20)])
    plain, cut = (make(r1=1.0, augment=policy).penalties(image, image)["r1"] for policy in ((), ("cutout",)))
    assert 0.6 * plain < cut < 0.95 * plain


@pytest.mark.parametrize("method", ["gan", "wgan", "acgan"])
def test_the_discriminator_sees_changed_images_on_both_sides_and_in_training_alone(
    make, make_batches, train_on, method: str
) -> None:
    gan, seen = make(method, augment=("cutout",), gradient_penalty=1.0), []
    gan.network.discriminator.register_forward_pre_hook(lambda m, inputs: seen.append(inputs[0]))
    train_on(gan, make_batches(2), limit_val_batches=0)
    assert len(seen) == 8  # real, generated, between them, and generated for the generator
    assert all((image == 0).all(1).flatten(1).any(1).all() for image in seen)
    gan._record_metrics("val", make_batches(1)[0], 0)
    assert not any((image == 0).all(1).any() for image in seen[8:])


def test_a_relativistic_generator_is_compared_with_the_images_of_the_batch(make, make_batches) -> None:
    gan, (batch,) = make(relativistic=True, generator_batches=2), make_batches(1)
    noise = torch.randn(12, 4)
    gan._noise = lambda count: noise[:count]
    with torch.no_grad():
        fake = gan.network.discriminator(gan.network.generator(noise))[0]
        real = gan.network.discriminator(batch["image"])[0]
    differences = [(fake[i] - real[i % 6]).item() for i in range(12)]
    expected = sum(math.log1p(math.exp(-difference)) for difference in differences) / 12
    assert gan.generator_loss(batch).item() == pytest.approx(expected, rel=1e-5)


def test_the_real_images_give_the_generator_no_gradient(make, make_batches) -> None:
    gan, (batch,) = make(relativistic=True), make_batches(1)
    image = batch["image"].requires_grad_()
    gan.generator_loss({"image": image}).backward()
    assert image.grad is None
    assert any(p.grad.abs().sum() > 0 for p in gan.network.generator.parameters())


def test_accuracy_of_a_relativistic_discriminator_is_judged_midway(make) -> None:
    real, fake = torch.tensor([9.0, 4.0]), torch.tensor([5.0, 2.0, 1.0, 0.0])  # means 6.5 and 2
    metrics = make(relativistic=True).discriminator_metrics(real, fake)
    assert {k: v.item() for k, v in metrics.items()} == {"accuracy_real": 0.5, "accuracy_fake": 0.75}


def test_instance_noise_follows_its_schedule_and_reaches_both_kinds_of_image(make, make_batches, train_on) -> None:
    gan = make(instance_noise=functools.partial(linear_warmup, start=0.5, end=0.0, iterations=2))
    batch = make_batches(1, size=4)[0]["image"]
    assert (gan._add_noise(batch) - batch).std() == pytest.approx(0.5, abs=0.05)
    gan.iteration = 2
    assert gan._add_noise(batch) is batch


def test_spectral_norm_bounds_the_discriminator_and_leaves_the_generator(make) -> None:
    gan = make(spectral_norm=True)
    for _ in range(30):  # each forward in training is a power iteration
        gan.network.discriminator(torch.randn(2, 3, 12, 12))
    layers = [m for m in gan.network.discriminator.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == 3
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight.detach().flatten(1), 2).item() == pytest.approx(1, abs=0.02)
    assert not any(parametrize.is_parametrized(m) for m in gan.network.generator.modules())


def test_the_critic_is_clipped_after_each_step_and_estimates_the_distance(make, make_batches, train_on) -> None:
    wgan = make("wgan", weight_clip=0.02)
    train_on(wgan, make_batches(2))
    bound = max(p.abs().max() for p in wgan.network.discriminator.parameters())
    assert bound <= 0.02
    assert max(p.abs().max() for p in wgan.network.generator.parameters()) > 0.02
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.5, 0.5])
    assert wgan.discriminator_metrics(real, fake) == {"wasserstein": torch.tensor(1.5)}


def test_a_critic_that_nothing_bounds_is_refused(make) -> None:
    with pytest.raises(ConfigError, match=r"model\.weight_clip=0\.01 or model\.gradient_penalty=10"):
        make("wgan", weight_clip=None, gradient_penalty=0.0)


def test_accuracy_is_that_of_the_logits_sign(make) -> None:
    judged = make().discriminator_metrics(torch.tensor([2.0, -1.0, 0.5, 3.0]), torch.tensor([-1.0, 1.0]))
    assert {k: v.item() for k, v in judged.items()} == {"accuracy_real": 0.75, "accuracy_fake": 0.5}


def test_an_acgan_finds_its_labels_in_the_data_by_name(make) -> None:
    acgan = make("acgan")  # digit, Smiling
    acgan.check_data(data(["Male", "Smiling", "digit"]))
    batch = {"labels": torch.tensor([[1, 0, 7]], dtype=torch.int8)}
    assert acgan.labels_of(batch).tolist() == [[7, 0]]
    with pytest.raises(
        ConfigError, match=r"model\.network\.labels: there is no attribute 'Smiling'; did you mean Smile"
    ):
        acgan.check_data(data(["Smile", "digit"]))


def test_an_acgan_without_labels_is_refused(make, make_update) -> None:
    from lightning_modules.acgan import ACGAN

    network = CompactGAN(image_size=12, latent_dim=4, width=4)
    with pytest.raises(ConfigError, match="ACGAN needs labels"):
        ACGAN(network=network, generator=make_update(), discriminator=make_update(), loss=make().loss)


def test_labels_in_turn_go_through_all_values(make) -> None:
    labels = make("acgan").some_labels(20)
    assert labels[:, 0].tolist() == [*range(10), *range(10)]
    assert labels[:, 1].tolist() == [0] * 10 + [1] * 10


def test_the_weight_of_the_labels_scales_their_loss_on_both_sides(make, make_batches) -> None:
    batch = make_batches(1)[0]
    recorded: dict[float, dict[str, float]] = {}
    totals = {}
    for weight in (1.0, 3.0):
        acgan = make("acgan", label_weight=weight)
        acgan.eval()
        acgan._noise = lambda count: torch.ones(count, 4)
        values = recorded[weight] = {}
        acgan.record = lambda _, new, values=values: values.update({k: v.item() for k, v in new.items()})
        totals[weight] = (acgan.discriminator_loss(batch).item(), acgan.generator_loss(batch).item())
    one, three = recorded[1.0], recorded[3.0]
    assert {"loss_d", "loss_g", "label_loss_d", "label_loss_g"} <= one.keys() == three.keys()
    for name in one:
        factor = 3 if name.startswith("label_loss") else 1
        assert three[name] == pytest.approx(factor * one[name], rel=1e-4)
    for side, total in zip("dg", totals[3.0], strict=True):
        assert total == pytest.approx(three[f"loss_{side}"] + three[f"label_loss_{side}"], rel=1e-4)


def test_the_discriminator_learns_labels_of_generated_images_only_if_told_to(make, make_batches) -> None:
    batch = make_batches(1)[0]
    losses = {}
    for on_fake in (False, True):
        acgan = make("acgan", label_on_fake=on_fake)
        labels = acgan.labels_of(batch)
        real_logits, fake_logits = (acgan.network.discriminator(x)[1] for x in (batch["image"], 0 * batch["image"]))
        losses[on_fake] = acgan.label_terms_d(real_logits, fake_logits, labels)["label_loss_d"].item()
    assert losses[True] > losses[False] + 0.5  # untrained: about (log 10 + log 2) / 2 more


def test_a_wrong_image_size_is_refused(make) -> None:
    with pytest.raises(ConfigError, match=r"data\.image_size=64.*set data\.image_size=12"):
        make().check_data(data([], image_size=64))


def test_a_classifier_learns_and_reports_each_label(make_batches, train_on) -> None:
    torch.manual_seed(0)
    network = ConvClassifier(("Smiling",), width=4, num_features=8, dropout=0.0)
    classifier = Classifier(network, functools.partial(torch.optim.Adam, lr=0.02))
    classifier.check_data(data(["digit", "Smiling"]))
    batches = make_batches(4, size=32)
    for batch in batches:
        batch["image"][batch["labels"][:, 1] == 1] += 1.0  # smiling is bright
    trainer = train_on(classifier, batches, epochs=6)
    assert trainer.callback_metrics["val/accuracy"] > 0.9
    assert trainer.optimizers[0].param_groups[0]["lr"] < 0.02 * 0.05  # the end of the half cosine
    assert classifier.features(batches[0]["image"]).shape == (32, 8)
    assert classifier.classify(batches[0]["image"]).shape == (32, 1)
