import functools

import pytest
import torch

from lightning_modules.networks.vae import StridedVAE, WideVAE
from lightning_modules.protocols import Autoencoder, FeatureExtractor, Sampler
from lightning_modules.schedules import linear_warmup
from lightning_modules.vae import VAE


@pytest.fixture
def vae() -> VAE:
    torch.manual_seed(0)
    network = StridedVAE(channels=(4, 4, 8, 8, 8), latent_dim=6)
    return VAE(network, functools.partial(torch.optim.Adam, lr=1e-3), lambda_kl=0.1).eval()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_objective_by_hand(vae: VAE, image: torch.Tensor) -> None:
    noise = torch.randn(5, 6)
    terms = vae.objective(image, noise)
    mu, logvar = vae.encode(image)
    decoded = vae.decode(mu + (logvar / 2).exp() * noise)
    mse = ((decoded - image) ** 2).mean()
    kld = (-0.5 * (1 + logvar - mu**2 - logvar.exp())).sum(1).mean()
    torch.testing.assert_close(terms["mse"], mse)
    torch.testing.assert_close(terms["kld"], kld)
    torch.testing.assert_close(terms["loss"], mse + 0.1 * kld)


def test_mean_reduction_divides_by_the_latent_dimension(vae: VAE, image: torch.Tensor) -> None:
    total = vae.objective(image, torch.zeros(5, 6))["kld"]
    vae.kld_reduction = "mean"
    torch.testing.assert_close(vae.objective(image, torch.zeros(5, 6))["kld"], total / 6)


def test_lambda_follows_its_schedule_by_iteration(image: torch.Tensor) -> None:
    schedule = functools.partial(linear_warmup, end=1.0, iterations=10)
    vae = VAE(WideVAE(width=4, latent_dim=3), functools.partial(torch.optim.Adam, lr=1e-3), schedule).eval()
    vae.iteration = 5
    terms = vae.objective(image, torch.zeros(5, 3))
    torch.testing.assert_close(terms["loss"], terms["mse"] + 0.5 * terms["kld"])


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_an_automatic_lambda_is_that_of_the_likeliest_variance(image: torch.Tensor, reduction: str) -> None:
    """The gradient is 2 σ² / D times that of -log p(x | z) + KLD, σ² = MSE; written out, -log p = D / 2 log MSE + c."""
    torch.manual_seed(0)
    vae = VAE(WideVAE(width=4, latent_dim=3), torch.optim.Adam, "auto", reduction).eval()
    terms, values = vae.objective(image, torch.ones(5, 3)), 3 * 64 * 64
    kld = terms["kld"] * (3 if reduction == "mean" else 1)
    bound = values / 2 * terms["mse"].log() + kld
    weights = list(vae.network.parameters())
    ours, theirs = (torch.autograd.grad(x, weights, retain_graph=True) for x in (terms["loss"], bound))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, 2 * terms["mse"].detach() / values * b, rtol=1e-3, atol=1e-7)
    torch.testing.assert_close(terms["loss"], terms["mse"] + 2 * terms["mse"] / values * kld)


def test_what_an_automatic_lambda_became_is_recorded(image: torch.Tensor) -> None:
    vae, found = VAE(WideVAE(width=4, latent_dim=3), torch.optim.Adam, "auto").eval(), {}
    vae.record = lambda stage, values, count=1: found.update(
        {f"{stage}/{k}": float(torch.as_tensor(v).detach()) for k, v in values.items()}
    )
    vae.loss({"image": image})
    vae.test_step({"image": image}, 0)
    assert found["optim/lambda_kl"] == pytest.approx(2 * found["train/mse"] / (3 * 64 * 64))
    assert found["test/lambda_kl"] == pytest.approx(2 * found["test/mse"] / (3 * 64 * 64))


def test_has_the_abilities_that_callbacks_ask_for(vae: VAE) -> None:
    assert isinstance(vae, Sampler)
    assert isinstance(vae, Autoencoder)
    assert isinstance(vae, FeatureExtractor)


def test_samples_are_a_function_of_the_noise(vae: VAE) -> None:
    noise = vae.noise(4, seed=3)
    assert torch.equal(noise, vae.noise(4, seed=3))
    assert not torch.equal(noise, vae.noise(4, seed=4))
    assert torch.equal(vae.sample(4, noise), vae.sample(4, noise))
    assert vae.sample(7).shape == (7, 3, 64, 64)


def test_reconstruction_decodes_the_mean_without_gradient(vae: VAE, image: torch.Tensor) -> None:
    decoded = vae.reconstruct(image)
    torch.testing.assert_close(decoded, vae.decode(vae.encode(image)[0]))
    assert not decoded.requires_grad
    torch.testing.assert_close(vae.features(image), vae.encode(image)[0])


def test_interpolation_starts_and_ends_at_the_reconstructions(vae: VAE, image: torch.Tensor) -> None:
    walk = vae.interpolate(image[:2], image[2:4], steps=5)
    assert walk.shape == (2, 5, 3, 64, 64)
    torch.testing.assert_close(walk[:, 0], vae.reconstruct(image[:2]))
    torch.testing.assert_close(walk[:, -1], vae.reconstruct(image[2:4]))
    middle = (vae.features(image[:2]) + vae.features(image[2:4])) / 2
    torch.testing.assert_close(walk[:, 2], vae.decode(middle))


def test_training_lowers_the_loss(vae: VAE, image: torch.Tensor) -> None:
    vae.train()
    optimizer = vae.configure_optimizers()
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = vae.objective(image)["loss"]
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
