"""The encoder-decoder pairs against the reports' prints; counts below are worked out by hand from the layer lists."""

import pytest
import torch
from torch import nn

from adversaria.runs.architecture import parameter_count
from lightning_modules.networks.vae import StridedVAE, TanhBottleneckVAE, VAENetwork, WideVAE

# network, latent, parts: (encoder, fc_mu = fc_var, decoder)
REPORTS = [
    # A1: 896+18,496+73,856+295,168+1,180,160 convolutions, 1,984 batch norm | 2048·1024+1024 | ...
    pytest.param(StridedVAE, 1024, 1_570_560, 2_098_176, 3_677_539, id="report A, A1"),
    # B1: 1,792+73,856 convolutions, 131,072·1024+1024 | 1024·512+512 | 33,554,496+73,856+295,168+3,075
    pytest.param(TanhBottleneckVAE, 512, 134_294_400, 524_800, 33_926_595, id="report B, B1"),
    # C1: 6,912+2·589,824 convolutions, 3·512 batch norm | 16,384·1024+1024 | 16,793,600+2·(1,048,576+512)+12,288+6
    pytest.param(WideVAE, 1024, 1_188_096, 16_778_240, 18_904_070, id="report C, C1"),
]


@pytest.mark.parametrize(("network", "latent", "encoder", "head", "decoder"), REPORTS)
def test_parameter_counts_are_those_of_the_report(
    network: type[VAENetwork], latent: int, encoder: int, head: int, decoder: int
) -> None:
    with torch.device("meta"):
        built = network()
    counts = [parameter_count(m) for m in (built.encoder, built.fc_mu, built.fc_var, built.decoder)]
    assert counts == [encoder, head, head, decoder]


@pytest.mark.parametrize(("network", "latent", "encoder", "head", "decoder"), REPORTS)
@pytest.mark.parametrize("batch", [2, 3])
def test_shapes(network: type[VAENetwork], latent: int, encoder: int, head: int, decoder: int, batch: int) -> None:
    with torch.device("meta"):
        built = network()
        mu, logvar = built.encode(torch.empty(batch, 3, 64, 64))
        image = built.decode(mu)
    assert mu.shape == logvar.shape == (batch, latent) == (batch, built.latent_dim)
    assert image.shape == (batch, 3, 64, 64)


@pytest.mark.parametrize(
    ("network", "small"),
    [
        (StridedVAE, {"channels": (2, 2, 2, 2, 2), "latent_dim": 4}),
        (TanhBottleneckVAE, {"bottleneck": 2, "latent_dim": 3}),
        (WideVAE, {"width": 2, "latent_dim": 4}),
    ],
)
def test_output_fills_but_stays_in_the_stated_range(network: type[VAENetwork], small: dict[str, object]) -> None:
    torch.manual_seed(0)
    built = network(**small)
    last = [m for m in built.decoder.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)][-1]
    nn.init.normal_(last.weight, std=100)  # push the last activation to both of its ends
    image = built.decode(torch.randn(8, built.latent_dim))
    low, high = built.value_range
    assert image.min() >= low
    assert image.max() <= high
    assert image.max() - image.min() > 0.9 * (high - low)


def test_a1_prints_the_layers_of_the_report() -> None:
    with torch.device("meta"):
        network = StridedVAE()
    kinds = [type(m).__name__ for m in network.decoder.modules() if not list(m.children())]
    assert kinds == ["Linear", "Unflatten", *["ConvTranspose2d", "BatchNorm2d", "LeakyReLU"] * 5, "Conv2d", "Tanh"]
    assert [m.out_channels for m in network.encoder.modules() if isinstance(m, nn.Conv2d)] == [32, 64, 128, 256, 512]
    assert {m.negative_slope for m in network.modules() if isinstance(m, nn.LeakyReLU)} == {0.01}
