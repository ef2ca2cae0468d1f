import contextlib

import pytest
import torch
from torch import Tensor, nn

from lightning_modules.penalties import gradient_penalty, zero_centred_penalty

SHAPE = (3, 1, 2, 2)


def images(seed: int) -> Tensor:
    return torch.randn(SHAPE, generator=torch.Generator().manual_seed(seed))


def linear(w: Tensor):
    return lambda x: (x.flatten(1) * w).sum(1)


def half_square(x: Tensor) -> Tensor:
    """A critic whose gradient is the image itself."""
    return 0.5 * x.flatten(1).square().sum(1)


def norms(x: Tensor) -> Tensor:
    return torch.stack([torch.linalg.vector_norm(image) for image in x])


def test_penalties_of_a_linear_critic_by_hand() -> None:
    critic = linear(torch.tensor([1.0, -2.0, 2.0, 4.0]))  # |w| = 5
    assert gradient_penalty(critic, images(0), images(1)).item() == pytest.approx((5 - 1) ** 2)
    assert zero_centred_penalty(critic, images(0)).item() == pytest.approx(5**2 / 2)


def test_a_critic_of_slope_one_pays_no_gradient_penalty_but_r1() -> None:
    critic = linear(torch.tensor([0.6, 0.0, -0.8, 0.0]))
    assert gradient_penalty(critic, images(0), images(1)).item() == pytest.approx(0, abs=1e-10)
    assert zero_centred_penalty(critic, images(0)).item() == pytest.approx(0.5)


def test_r1_is_taken_at_the_real_images() -> None:
    expected = (norms(images(0)) ** 2).mean() / 2
    torch.testing.assert_close(zero_centred_penalty(half_square, images(0)), expected)


def test_the_penalty_is_that_of_slopes_measured_by_differences() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1), nn.Flatten(0)).double()
    for image in (images(0).double(), images(1).double()):  # real and generated: R1 and R2
        steps = 1e-5 * torch.eye(4, dtype=torch.float64).view(4, 1, 1, 2, 2)
        with torch.no_grad():
            slopes = torch.stack([(critic(image + s) - critic(image - s)) / 2e-5 for s in steps])
        expected = 0.5 * slopes.square().sum(0).mean()
        found = zero_centred_penalty(lambda x: critic(x.double()), image)
        torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_the_gradient_penalty_is_taken_between_real_and_generated_images(weight: float) -> None:
    real, fake = images(0), images(1)
    point = (1 - weight) * real + weight * fake
    penalty = gradient_penalty(half_square, real, fake, torch.full((3, 1, 1, 1), weight))
    torch.testing.assert_close(penalty, ((norms(point) - 1) ** 2).mean())


def test_each_image_may_have_its_own_weight() -> None:
    real, fake = images(0), images(1)
    weights = torch.tensor([0.0, 1.0, 0.5]).view(3, 1, 1, 1)
    points = torch.stack([real[0], fake[1], (real[2] + fake[2]) / 2])
    torch.testing.assert_close(gradient_penalty(half_square, real, fake, weights), ((norms(points) - 1) ** 2).mean())


def test_weights_are_drawn_anew_and_evenly_for_each_image_by_default() -> None:
    torch.manual_seed(0)
    seen = []

    def critic(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return x.flatten(1).sum(1)

    for _ in range(2):
        gradient_penalty(critic, torch.zeros(4000, 1, 2, 2), torch.ones(4000, 1, 2, 2))
    first, second = (x.flatten(1) for x in seen)
    assert torch.equal(first.amin(1), first.amax(1))  # one weight an image
    drawn = first[:, 0]
    quartiles = torch.tensor([0, 0.25, 0.5, 0.75, 1])
    torch.testing.assert_close(drawn.quantile(quartiles), quartiles, atol=0.04, rtol=0)
    assert (second[:, 0] != drawn).float().mean() > 0.99


def test_gradients_flow_to_the_parameters_of_the_critic() -> None:
    w = torch.tensor([1.0, -2.0, 2.0, 4.0], requires_grad=True)
    (slope,) = torch.autograd.grad(gradient_penalty(linear(w), images(0), images(1)), w)
    torch.testing.assert_close(slope, 2 * (5 - 1) * w.detach() / 5)
    (slope,) = torch.autograd.grad(zero_centred_penalty(linear(w), images(0)), w)
    torch.testing.assert_close(slope, w.detach())


def test_a_step_down_the_penalty_brings_the_slope_of_a_network_to_one() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Flatten(), nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1), nn.Flatten(0))
    optimizer = torch.optim.Adam(critic.parameters(), 0.02)
    real, fake = images(0), images(1)
    before = gradient_penalty(critic, real, fake).item()
    for _ in range(100):
        optimizer.zero_grad()
        gradient_penalty(critic, real, fake).backward()
        optimizer.step()
    assert gradient_penalty(critic, real, fake).item() < 0.1 * before


def test_no_gradient_reaches_the_images() -> None:
    w = torch.ones(4, requires_grad=True)
    real, fake = images(0).requires_grad_(), images(1).requires_grad_()
    for penalty in (
        gradient_penalty(lambda x: linear(w)(x**2), real, fake),
        zero_centred_penalty(lambda x: linear(w)(x**2), real),
    ):
        penalty.backward()
    assert real.grad is fake.grad is None
    assert w.grad is not None


def test_a_constant_critic_has_finite_gradients() -> None:
    w = torch.zeros(4, requires_grad=True)
    for penalty in (gradient_penalty(linear(w), images(0), images(1)), zero_centred_penalty(linear(w), images(0))):
        (slope,) = torch.autograd.grad(penalty, w)
        assert penalty.isfinite()
        assert slope.isfinite().all()


def test_a_constant_critic_is_a_full_slope_short_of_one() -> None:
    assert gradient_penalty(linear(torch.zeros(4)), images(0), images(1)).item() == pytest.approx(1, abs=1e-5)
    assert zero_centred_penalty(linear(torch.zeros(4)), images(0)).item() == 0


@pytest.mark.parametrize("images_dtype", [torch.float32, torch.bfloat16])
def test_penalties_are_computed_in_single_precision_under_autocast(images_dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Conv2d(1, 8, 2), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(8, 1), nn.Flatten(0))
    real, fake, weights = images(0).to(images_dtype), images(1).to(images_dtype), torch.full((3, 1, 1, 1), 0.3)

    def values() -> tuple[Tensor, Tensor]:
        return gradient_penalty(critic, real, fake, weights), zero_centred_penalty(critic, real)

    plain = values()
    with torch.autocast("cpu", torch.bfloat16):
        assert critic(real.float()).dtype == torch.bfloat16
        mixed = values()
    for a, b in zip(plain, mixed, strict=True):
        assert b.dtype == torch.float32
        assert torch.equal(a, b)


def test_penalties_need_no_gradient_mode_of_their_own() -> None:
    expected = gradient_penalty(half_square, images(0), images(1), torch.zeros(3, 1, 1, 1))
    for context in (torch.no_grad(), contextlib.nullcontext()):
        with context:
            value = gradient_penalty(half_square, images(0), images(1), torch.zeros(3, 1, 1, 1))
        assert torch.equal(value, expected)
