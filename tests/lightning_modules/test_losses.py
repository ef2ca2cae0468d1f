import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from lightning_modules.losses import gaussian_kld, image_mse, per_dimension_kld, reparameterize


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
