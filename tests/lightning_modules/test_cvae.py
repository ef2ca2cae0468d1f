"""The conditional VAE: labels reach encoder and decoder, and the loss is that of the VAE."""

from __future__ import annotations

import functools
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import generate
from adversaria.config.errors import ConfigError
from adversaria.tools import export
from adversaria.tools.explorer import prepare
from adversaria.tools.latent_rows import latent_rows
from lightning_modules.cvae import CVAE
from lightning_modules.losses import gaussian_kld, image_mse
from lightning_modules.networks.compact_vae import CompactVAE
from lightning_modules.networks.conditioning import AppendScaledLabels, append_planes
from lightning_modules.rebuild import load_module
from lightning_modules.vae import VAE

PETS = {"class": ["cat", "dog", "horse"]}
ADAM = functools.partial(torch.optim.Adam, lr=1e-3)


@pytest.fixture
def cvae() -> CVAE:
    torch.manual_seed(0)
    network = CompactVAE(12, latent_dim=4, width=4, labels=("class", "Smiling"), classes=PETS)
    module = CVAE(network=network, optimizer=ADAM, lambda_kl=0.5).eval()
    module.label_columns.find(types.SimpleNamespace(attributes=["Smiling", "class"], classes=PETS))
    return module


BATCH = {
    "image": torch.rand(2, 3, 12, 12, generator=torch.Generator().manual_seed(0)) * 2 - 1,
    "labels": torch.tensor([[1, 2], [0, 0]], dtype=torch.int8),  # Smiling, class
}


def test_labels_are_planes_beside_the_image() -> None:
    planes = append_planes(torch.zeros(2, 3, 4, 4), torch.tensor([[2, 1], [0, 0]]), [3, 2])[:, 3:]
    assert planes.shape == (2, 4, 4, 4)
    assert planes[:, :, 1, 3].tolist() == [[0, 0, 1, 1], [1, 0, 0, 0]]
    assert (planes == planes[:, :, :1, :1]).all()


def test_the_loss_is_that_of_encoder_and_decoder_given_the_labels(cvae: CVAE) -> None:
    labels = cvae.labels_of(BATCH)
    assert labels.tolist() == [[2, 1], [0, 0]]
    noise = cvae.noise(2, 3)
    terms = cvae.objective(BATCH["image"], noise, labels)
    mu, logvar = cvae.encode(BATCH["image"], labels)
    decoded = cvae.decode(mu + (0.5 * logvar).exp() * noise, labels)
    expected = image_mse(decoded, BATCH["image"]).mean() + 0.5 * gaussian_kld(mu, logvar)
    assert torch.allclose(terms["loss"], expected)


def test_without_a_weight_the_loss_is_the_bound_of_a_likelihood_of_unit_variance() -> None:
    module = CVAE(network=CompactVAE(12, latent_dim=4, width=4, labels=("digit",)), optimizer=ADAM)
    terms = module.objective(BATCH["image"], module.noise(2, 0), torch.tensor([[3], [4]]))
    values = 3 * 12**2
    assert torch.allclose(terms["loss"] * values / 2, terms["mse"] * values / 2 + terms["kld"], rtol=1e-4)


def test_scaled_labels_are_as_long_as_a_latent() -> None:
    latents, labels = torch.randn(4096, 64, generator=torch.Generator().manual_seed(0)), torch.full((4096, 1), 2)
    joined = AppendScaledLabels(["class"], 64, PETS)(latents, labels)
    assert joined[:, 64:].norm(dim=1).unique().tolist() == [8]
    assert float(joined[:, :64].norm(dim=1).mean()) == pytest.approx(8, rel=0.02)


def test_both_sides_hear_the_labels(cvae: CVAE) -> None:
    others = torch.tensor([[1, 1], [0, 1]])
    assert not torch.allclose(cvae.features(BATCH["image"], others), cvae.features(BATCH["image"], others * 0))
    z = cvae.noise(1, 0).repeat(2, 1)
    assert not torch.allclose(*cvae.sample(2, z, others))
    assert torch.allclose(*cvae.sample(2, z, others[:1].repeat(2, 1)))
    assert cvae.some_labels(4).tolist() == [[0, 0], [1, 0], [2, 0], [0, 1]]
    assert torch.equal(cvae.predict_step(BATCH, 0), cvae.reconstruct(BATCH["image"], cvae.labels_of(BATCH)))
    walk = cvae.interpolate(BATCH["image"], BATCH["image"].flip(0), 3, cvae.labels_of(BATCH))
    assert torch.allclose(walk[:, 0], cvae.predict_step(BATCH, 0), atol=1e-5)


def test_a_conditional_vae_needs_labels_and_a_plain_one_takes_none() -> None:
    with pytest.raises(ConfigError, match=r"^model.network.labels=\[\]: CVAE needs labels"):
        CVAE(network=CompactVAE(12), optimizer=ADAM)
    with pytest.raises(ConfigError, match=r"^model.network.labels=\['digit'\]: VAE has no labels"):
        VAE(CompactVAE(12, labels=("digit",)), ADAM)
    assert VAE(CompactVAE(9, latent_dim=4, width=4), ADAM).sample(2).shape == (2, 3, 9, 9)


def test_the_tools_give_it_labels(untrained: Any, tmp_path: Path) -> None:
    file = untrained("model=cvae", "data=digits", "model.network.width=4", "model.network.latent_dim=4")
    module: Any = load_module(file)
    generate.main([str(file), "-n", "3", "--label", "digit=7", "--output", str(tmp_path / "a.npz"), "--device", "cpu"])
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["labels"].tolist() == [[7]] * 3
    explorer, _ = prepare(module, None, None)
    assert list(explorer.sliders["Labels"]) == ["digit"]
    assert not np.array_equal(*(explorer.draw({**explorer.initial, "digit": digit}) for digit in (0, 1)))
    export.export(module, tmp_path / "net.pt2")
    noise, labels = module.noise(5, 0), module.some_labels(5)
    exported = torch.export.load(tmp_path / "net.pt2").module()(noise, labels)
    assert torch.allclose(exported, module.sample(5, noise, labels), atol=1e-5)
    options = types.SimpleNamespace(edit="digit", n=4, steps=2, interpolate=None, traverse=None)
    with pytest.raises(ConfigError, match=r"^--edit: this model is given its labels; .* --label digit=VALUE$"):
        latent_rows(module, options, None, file)
