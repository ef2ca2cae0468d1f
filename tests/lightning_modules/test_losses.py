import math

import pytest
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence

from adversaria.config.instantiate import instantiate
from adversaria.config.renamed import renamed
from lightning_modules.losses import (
    cross_entropy_discriminator,
    gaussian_kld,
    hinge_discriminator,
    image_mse,
    label_loss,
    least_squares_discriminator,
    least_squares_generator,
    linear_generator,
    nonsaturating_generator,
    per_dimension_kld,
    predict_labels,
    relativistic_discriminator,
    relativistic_generator,
    reparameterize,
    saturating_generator,
)
from lightning_modules.wgan import wasserstein_critic

GENERATOR_LOSSES = [nonsaturating_generator, saturating_generator, least_squares_generator, linear_generator]
DISCRIMINATOR_LOSSES = [
    cross_entropy_discriminator,
    least_squares_discriminator,
    hinge_discriminator,
    wasserstein_critic,
    relativistic_discriminator,
]


def test_kld_by_hand() -> None:
    mu = torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    logvar = torch.tensor([[0.0, math.log(4.0)], [0.0, 0.0]])
    # first image: 1/2 + (4 - 1 - ln 4)/2; second: 0; mean over the two
    expected = (0.5 + (3 - math.log(4)) / 2) / 2
    assert gaussian_kld(mu, logvar).item() == pytest.approx(expected)
    assert gaussian_kld(mu, logvar, "mean").item() == pytest.approx(expected / 2)


def test_kld_against_torch_distributions() -> None:
    torch.manual_seed(0)
    mu, logvar = torch.randn(2, 5, 7).unbind(0)
    reference = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(gaussian_kld(mu, logvar), reference.sum(1).mean())
    torch.testing.assert_close(per_dimension_kld(mu, logvar), reference.mean(0))


def test_kld_near_the_prior_survives_half_precision() -> None:
    torch.manual_seed(0)
    mu, logvar = (0.02 * torch.randn(2, 8, 1024)).bfloat16().unbind(0)
    exact = gaussian_kld(mu.double(), logvar.double())
    assert gaussian_kld(mu, logvar).item() == pytest.approx(exact.item(), rel=1e-3)


def test_kld_is_zero_with_zero_gradient_at_the_prior() -> None:
    mu, logvar = torch.zeros(2, 3, requires_grad=True), torch.zeros(2, 3, requires_grad=True)
    loss = gaussian_kld(mu, logvar)
    loss.backward()
    assert loss.item() == 0
    assert mu.grad is not None
    assert logvar.grad is not None
    assert mu.grad.abs().max() == logvar.grad.abs().max() == 0


def test_image_mse_by_hand() -> None:
    image = torch.zeros(2, 1, 1, 2)
    target = torch.tensor([[[[1.0, 3.0]]], [[[2.0, 0.0]]]])
    assert image_mse(image, target).tolist() == [5.0, 2.0]


def test_reparameterize_by_hand_and_in_distribution() -> None:
    mu, logvar = torch.tensor([[1.0, -1.0]]), torch.tensor([[0.0, math.log(9.0)]])
    assert reparameterize(mu, logvar, torch.tensor([[2.0, 1.0]])).tolist() == [[3.0, 2.0]]
    torch.manual_seed(0)
    drawn = reparameterize(mu.expand(20_000, 2), logvar.expand(20_000, 2))
    torch.testing.assert_close(drawn.mean(0), mu[0], atol=0.08, rtol=0)
    torch.testing.assert_close(drawn.std(0), torch.tensor([1.0, 3.0]), atol=0.05, rtol=0)


# ------------------------------------------------------------------------------------------------ adversarial losses

# The logits ln 3 and -ln 3 are the probabilities 3/4 and 1/4.
LN3 = math.log(3)


@pytest.mark.parametrize(
    ("loss", "real", "fake", "expected"),
    [
        (cross_entropy_discriminator, [0.0], [0.0], 2 * math.log(2)),
        (cross_entropy_discriminator, [LN3, 0.0], [-LN3], (math.log(4 / 3) + math.log(2)) / 2 + math.log(4 / 3)),
        (cross_entropy_discriminator, [-LN3], [LN3, LN3, 0.0], math.log(4) + (2 * math.log(4) + math.log(2)) / 3),
        (least_squares_discriminator, [1.0, 3.0], [0.0, 0.0, 3.0], 0.5 * (2 + 3)),
        (least_squares_discriminator, [1.0], [0.0], 0.0),
        (hinge_discriminator, [0.5, 2.0, -1.0], [-0.25, -3.0], (0.5 + 0 + 2) / 3 + 0.75 / 2),
        (hinge_discriminator, [1.0], [-1.0], 0.0),
        (relativistic_discriminator, [5.0], [5.0], math.log(2)),
        (relativistic_discriminator, [LN3, 2.0], [0.0, 2.0 + LN3], (math.log(4 / 3) + math.log(4)) / 2),
        (wasserstein_critic, [1.0, 3.0], [5.0, -1.0, -1.0], 1.0 - 2.0),
    ],
)
def test_discriminator_losses_by_hand(loss, real: list[float], fake: list[float], expected: float) -> None:
    assert loss(torch.tensor(real), torch.tensor(fake)).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("loss", "fake", "expected"),
    [
        (nonsaturating_generator, [LN3, -LN3], (math.log(4 / 3) + math.log(4)) / 2),
        (saturating_generator, [LN3, -LN3], (math.log(1 / 4) + math.log(3 / 4)) / 2),
        (least_squares_generator, [3.0, 1.0, 0.0], 0.5 * (4 + 0 + 1) / 3),
        (linear_generator, [3.0, -1.0], -1.0),
    ],
)
def test_generator_losses_by_hand(loss, fake: list[float], expected: float) -> None:
    assert loss(torch.tensor(fake)).item() == pytest.approx(expected)


def test_a_relativistic_generator_is_paid_for_the_answer_that_its_discriminator_pays_for() -> None:
    fake, real = torch.tensor([LN3, 2.0]), torch.tensor([0.0, 2.0 + LN3])
    # the generated image is taken for the real one with the probabilities 3/4 and 1/4
    assert relativistic_generator(fake, real).item() == pytest.approx((math.log(4 / 3) + math.log(4)) / 2)
    assert relativistic_generator(fake[:1], real[:1]).item() == pytest.approx(math.log(4 / 3))
    assert relativistic_discriminator(real[:1], fake[:1]).item() == pytest.approx(math.log(4))


def test_relativistic_losses_see_differences_alone() -> None:
    fake, real = torch.tensor([0.3, -2.0], requires_grad=True), torch.tensor([0.7, 1.0])
    torch.testing.assert_close(relativistic_generator(fake + 7, real + 7), relativistic_generator(fake, real))
    relativistic_generator(fake, real).backward()
    assert fake.grad.tolist() == pytest.approx([-1 / (1 + math.exp(f - r)) / 2 for f, r in ((0.3, 0.7), (-2.0, 1.0))])
    for gap in (-400.0, 400.0):
        assert relativistic_generator(torch.tensor([gap]), torch.zeros(1)).item() == max(0, -gap)
        assert relativistic_discriminator(torch.tensor([gap]), torch.zeros(1)).item() == max(0, -gap)


def test_label_smoothing_is_one_sided() -> None:
    real, fake = torch.tensor([LN3]), torch.tensor([-LN3])
    smoothed = cross_entropy_discriminator(real, fake, smoothing=0.1)
    # real: 0.9 of -ln 3/4 and 0.1 of -ln 1/4; generated: -ln 3/4 as without smoothing
    assert smoothed.item() == pytest.approx(0.9 * math.log(4 / 3) + 0.1 * math.log(4) + math.log(4 / 3))


def test_smoothed_real_images_are_best_judged_with_the_smoothed_probability() -> None:
    logit = torch.tensor([math.log(0.9 / 0.1), 1.0, 4.0], requires_grad=True)
    cross_entropy_discriminator(logit, torch.zeros(1), smoothing=0.1).backward()
    at_best, below, above = logit.grad.tolist()
    assert at_best == pytest.approx(0, abs=1e-7)
    assert below < 0 < above


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
def test_logits_give_what_a_printed_sigmoid_with_bce_gives(smoothing: float) -> None:
    torch.manual_seed(0)
    real, fake = 3 * torch.randn(2, 64, dtype=torch.float64)
    sigmoid, bce = nn.Sigmoid(), nn.BCELoss()
    ones = torch.ones_like(real)
    printed = bce(sigmoid(real), (1 - smoothing) * ones) + bce(sigmoid(fake), 0 * ones)
    torch.testing.assert_close(cross_entropy_discriminator(real, fake, smoothing), printed)
    torch.testing.assert_close(nonsaturating_generator(fake), bce(sigmoid(fake), ones))
    torch.testing.assert_close(saturating_generator(fake), -bce(sigmoid(fake), 0 * ones))


@pytest.mark.parametrize("loss", GENERATOR_LOSSES)
def test_raising_a_fake_logit_lowers_the_loss_of_the_generator(loss) -> None:
    fake = torch.tensor([-2.0, 0.0, 0.9], requires_grad=True)
    loss(fake).backward()
    assert fake.grad.max() < 0


@pytest.mark.parametrize("loss", DISCRIMINATOR_LOSSES)
def test_the_discriminator_wants_real_logits_up_and_fake_logits_down(loss) -> None:
    real, fake = torch.tensor([-1.5, 0.2, 0.1], requires_grad=True), torch.tensor([-0.5, 0.3, 2.0], requires_grad=True)
    if loss is least_squares_discriminator:  # of which generated images below 0 are too far down
        fake = fake.detach()[1:].requires_grad_()
    loss(real, fake).backward()
    assert real.grad.max() < 0
    assert fake.grad.min() > 0


def test_the_hinge_leaves_alone_what_is_beyond_its_margin() -> None:
    real, fake = torch.tensor([1.1, 0.9], requires_grad=True), torch.tensor([-1.1, -0.9], requires_grad=True)
    hinge_discriminator(real, fake).backward()
    assert real.grad.tolist() == [0, -0.5]
    assert fake.grad.tolist() == [0, 0.5]


def test_only_the_nonsaturating_generator_learns_from_a_discriminator_that_is_sure() -> None:
    slopes = []
    for loss in (nonsaturating_generator, saturating_generator):
        fake = torch.tensor([-10.0], requires_grad=True)
        loss(fake).backward()
        slopes.append(fake.grad.item())
    assert slopes == pytest.approx([-1 / (1 + math.exp(-10)), -1 / (1 + math.exp(10))])


@pytest.mark.parametrize("logit", [-200.0, 200.0])
@pytest.mark.parametrize("loss", GENERATOR_LOSSES + DISCRIMINATOR_LOSSES)
def test_values_and_gradients_are_finite_at_extreme_logits(loss, logit: float) -> None:
    inputs = [torch.tensor([logit], requires_grad=True) for _ in range(1 if loss in GENERATOR_LOSSES else 2)]
    value = loss(*inputs)
    value.backward()
    assert math.isfinite(value.item())
    assert all(math.isfinite(i.grad.item()) for i in inputs)


def test_a_sure_discriminator_that_is_wrong_pays_its_logit() -> None:
    assert cross_entropy_discriminator(torch.tensor([-200.0]), torch.tensor([150.0])).item() == pytest.approx(350)
    assert nonsaturating_generator(torch.tensor([-200.0])).item() == pytest.approx(200)
    assert saturating_generator(torch.tensor([200.0])).item() == pytest.approx(-200)


# ------------------------------------------------------------------------------------------------------------ labels


def mixed_logits() -> torch.Tensor:
    """Two images; a binary label's logit, ten of a digit, a second binary label's."""
    logits = torch.zeros(2, 12)
    logits[0, 0], logits[1, 0] = LN3, LN3  # 3/4
    logits[0, 1 + 7] = math.log(9)  # 7 has 9 of 18, any other 1 of 18
    logits[1, 11] = -LN3  # 1/4
    return logits


def test_label_loss_of_binary_labels_and_digits_by_hand() -> None:
    labels = torch.tensor([[1, 7, 0], [0, 2, 1]])
    first = (math.log(4 / 3) + math.log(4)) / 2
    digit = (math.log(2) + math.log(10)) / 2
    last = (math.log(2) + math.log(4)) / 2
    loss = label_loss(mixed_logits(), labels, [2, 10, 2])
    assert loss.item() == pytest.approx((first + digit + last) / 3)


def test_label_loss_of_another_digit_than_the_likeliest() -> None:
    assert label_loss(mixed_logits()[:1, 1:11], torch.tensor([[3]]), [10]).item() == pytest.approx(math.log(18))


def test_label_loss_is_that_of_a_printed_sigmoid_for_a_binary_label() -> None:
    torch.manual_seed(0)
    logits, labels = torch.randn(32, 1), torch.randint(2, (32, 1))
    printed = nn.BCELoss()(nn.Sigmoid()(logits[:, 0]), labels[:, 0].float())
    torch.testing.assert_close(label_loss(logits, labels, [2]), printed)


@pytest.mark.parametrize("dtype", [torch.int8, torch.int64])
def test_labels_may_come_as_they_are_stored(dtype: torch.dtype) -> None:
    labels = torch.tensor([[1, 7, 0], [0, 2, 1]])
    expected = label_loss(mixed_logits(), labels, [2, 10, 2])
    assert label_loss(mixed_logits(), labels.to(dtype), [2, 10, 2]) == expected


def test_label_loss_is_finite_and_in_single_precision() -> None:
    logits = torch.full((1, 11), -200.0, dtype=torch.bfloat16)
    logits[0, 5] = 200
    loss = label_loss(logits, torch.tensor([[1, 0]]), [2, 10])
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx((200 + 400) / 2)  # both sure and wrong


def test_every_label_has_the_same_weight_in_the_gradient_whatever_its_size() -> None:
    logits = torch.zeros(1, 11, requires_grad=True)
    label_loss(logits, torch.tensor([[1, 4]]), [2, 10]).backward()
    expected = [-0.5 / 2, *[0.1 / 2] * 4, -0.9 / 2, *[0.1 / 2] * 5]
    assert logits.grad[0].tolist() == pytest.approx(expected)


def test_predicted_labels_are_the_likeliest_values() -> None:
    logits = torch.full((3, 12), -1.0)
    logits[0, 0], logits[2, 0] = 0.1, 3.0
    logits[0, 1 + 9], logits[1, 1 + 4], logits[2, 1 + 0] = -0.5, 2.0, 0.0
    logits[1, 11] = 0.2
    predicted = predict_labels(logits, [2, 10, 2])
    assert predicted.dtype == torch.int64
    assert predicted.tolist() == [[1, 9, 0], [0, 4, 1], [1, 0, 0]]


def test_logits_that_do_not_fit_the_labels_are_refused() -> None:
    with pytest.raises(RuntimeError, match="split_with_sizes"):
        label_loss(torch.zeros(2, 12), torch.zeros(2, 2), [2, 10])


def test_a_wasserstein_loss_that_version_0_1_0_saved_is_found() -> None:
    saved = {
        "_target_": "lightning_modules.losses.AdversarialLoss",
        "discriminator": {"_target_": "lightning_modules.losses.wasserstein_critic", "_partial_": True},
        "generator": {"_target_": "lightning_modules.losses.linear_generator", "_partial_": True},
    }
    loss = instantiate(renamed(saved))
    assert loss.discriminator.func is wasserstein_critic
    assert loss.generator.func is linear_generator
