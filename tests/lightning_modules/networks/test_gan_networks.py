"""The pairs of generator and discriminator; the counts below are summed layer by layer from the reports' prints."""

import pytest
import torch
from torch import Tensor, nn

from adversaria.config.errors import CONF, ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.runs.architecture import parameter_count
from lightning_modules.networks.conditioning import AppendLabels, Discriminator, Generator, MultiplyEmbeddings
from lightning_modules.networks.gan import CompactGAN, GANNetwork
from lightning_modules.networks.lab_gan import DCGAN, LinearStemGAN, UpsamplingACGAN, WideKernelACGAN, WideKernelGAN

A2_GENERATOR = (
    100 * 8192  # FC(100→8192), no bias
    + 2 * 8192  # BN1d
    + 512 * 256 * 5 * 5 + 2 * 256  # T(512→256,5), no bias; BN
    + 256 * 128 * 5 * 5 + 2 * 128  # T(256→128,5), no bias; BN
    + 128 * 64 * 5 * 5 + 2 * 64  # T(128→64,5), no bias; BN
    + 64 * 3 * 5 * 5 + 3  # T(64→3,5)
)  # fmt: skip
A2_CRITIC = (
    3 * 64 * 5 * 5 + 64  # C(3→64,5)
    + 64 * 128 * 5 * 5 + 128 + 2 * 128  # C(64→128,5); BN
    + 128 * 256 * 5 * 5 + 256 + 2 * 256  # C(128→256,5); BN
    + 256 * 512 * 5 * 5 + 512 + 2 * 512  # C(256→512,5); BN
    + 512 * 1 * 4 * 4 + 1  # C(512→1,4)
)  # fmt: skip
B2_GENERATOR = (
    100 * 64 * 32 * 32  # T(100→64,32), no bias
    + 64 * 128 * 3 * 3 + 128  # C(64→128,3)
    + 128 * 256 * 3 * 3 + 256  # C(128→256,3)
    + 256 * 3 * 2 * 2  # T(256→3,2,2), no bias
)  # fmt: skip
B2_DISCRIMINATOR = (
    3 * 64 * 3 * 3 + 64  # C(3→64,3)
    + 64 * 128 * 3 * 3 + 128  # C(64→128,3)
    + 32 * 32 * 128 * 1024 + 1024  # FC(32·32·128→1024)
    + 1024 * 1 + 1  # FC(1024→1)
)  # fmt: skip
B3_GENERATOR = (
    (100 + 1) * 512 + 512  # FC(noise and attribute→512)
    + 512 * 64 * 32 * 32 + 64  # T(512→64,32); only B2 prints "without bias"
    + 64 * 128 * 3 * 3 + 128  # C(64→128,3)
    + 128 * 512 * 3 * 3 + 512  # C(128→512,3)
    + 512 * 3 * 2 * 2 + 3  # T(512→3,2,2)
)  # fmt: skip
B3_DISCRIMINATOR = (
    3 * 64 * 3 * 3 + 64  # C(3→64,3)
    + 64 * 128 * 3 * 3 + 128  # C(64→128,3)
    + 128 * 256 * 3 * 3 + 256  # C(128→256,3)
    + 256 * 512 * 3 * 3 + 512  # C(256→512,3)
    + 16 * 16 * 512 * 1024 + 1024  # FC(16·16·512→1024)
    + 1024 * 1 + 1  # FC(1024→1), real or fake
    + 1024 * 1 + 1  # FC(1024→1), the attribute
)  # fmt: skip
C2_STEM = 256 * 512 * 4 * 4  # T(256→512,4), no bias
DCGAN_GENERATOR_BEHIND_THE_STEM = (
    2 * 512  # BN
    + 512 * 256 * 4 * 4 + 2 * 256  # T(512→256,4), no bias; BN
    + 256 * 128 * 4 * 4 + 2 * 128  # T(256→128,4), no bias; BN
    + 128 * 64 * 4 * 4 + 2 * 64  # T(128→64,4), no bias; BN
    + 64 * 3 * 4 * 4  # T(64→3,4), no bias
)  # fmt: skip
C2_DISCRIMINATOR = (
    3 * 64 * 4 * 4  # C(3→64,4), no bias
    + 64 * 128 * 4 * 4 + 2 * 128  # C(64→128,4), no bias; BN
    + 128 * 256 * 4 * 4 + 2 * 256  # C(128→256,4), no bias; BN
    + 256 * 512 * 4 * 4 + 2 * 512  # C(256→512,4), no bias; BN
    + 512 * 1 * 4 * 4  # C(512→1,4), no bias
)  # fmt: skip
C3_STEM = 257 * 512 * 4 * 4  # T(256 + 1→512,4), no bias
C3_SECOND_HEAD = 512 * 1 * 4 * 4  # C(512→1,4), no bias
E1_STEM = 100 * 512 * 4 * 4  # T(100→512,4), no bias
E2_STEM = 101 * 512 * 4 * 4  # T(100 + 1→512,4), no bias
D2_GENERATOR = (
    10 * 100  # Embedding(10→100)
    + 100 * 6272 + 6272  # FC(100→6272)
    + 2 * 128  # BN
    + 128 * 128 * 3 * 3 + 128 + 2 * 128  # C(128→128,3); BN
    + 128 * 64 * 3 * 3 + 64 + 2 * 64  # C(128→64,3); BN
    + 64 * 3 * 3 * 3 + 3  # C(64→3,3)
)  # fmt: skip
D2_DISCRIMINATOR = (
    3 * 16 * 3 * 3 + 16  # C(3→16,3)
    + 16 * 32 * 3 * 3 + 32 + 2 * 32  # C(16→32,3); BN
    + 32 * 64 * 3 * 3 + 64 + 2 * 64  # C(32→64,3); BN
    + 64 * 128 * 3 * 3 + 128 + 2 * 128  # C(64→128,3); BN
    + 512 * 1 + 1  # FC(512→1)
    + 512 * 10 + 10  # FC(512→10)
)  # fmt: skip

# network, its options, generator, discriminator, (latent, image side, label logits)
REPORTS = [
    pytest.param(LinearStemGAN, {}, A2_GENERATOR, A2_CRITIC, (100, 64, 0), id="A2"),
    pytest.param(LinearStemGAN, {"dropout": 0.0}, A2_GENERATOR, A2_CRITIC, (100, 64, 0), id="D1"),
    pytest.param(WideKernelGAN, {}, B2_GENERATOR, B2_DISCRIMINATOR, (100, 64, 0), id="B2"),
    pytest.param(WideKernelACGAN, {}, B3_GENERATOR, B3_DISCRIMINATOR, (100, 64, 1), id="B3"),
    pytest.param(
        DCGAN,
        {"latent_dim": 256},
        C2_STEM + DCGAN_GENERATOR_BEHIND_THE_STEM,
        C2_DISCRIMINATOR,
        (256, 64, 0),
        id="C2",
    ),
    pytest.param(
        DCGAN,
        {"latent_dim": 256, "labels": ["Mouth_Slightly_Open"]},
        C3_STEM + DCGAN_GENERATOR_BEHIND_THE_STEM,
        C2_DISCRIMINATOR + C3_SECOND_HEAD,
        (256, 64, 1),
        id="C3",
    ),
    pytest.param(UpsamplingACGAN, {}, D2_GENERATOR, D2_DISCRIMINATOR, (100, 28, 10), id="D2"),
    pytest.param(DCGAN, {}, E1_STEM + DCGAN_GENERATOR_BEHIND_THE_STEM, C2_DISCRIMINATOR, (100, 64, 0), id="E1"),
    pytest.param(
        DCGAN,
        {"labels": ["Smiling"]},
        E2_STEM + DCGAN_GENERATOR_BEHIND_THE_STEM,
        C2_DISCRIMINATOR + C3_SECOND_HEAD,
        (100, 64, 1),
        id="E2",
    ),
]


def on_meta(network: type[GANNetwork], options: dict[str, object]) -> GANNetwork:
    """Build without memory: the wide kernels of report B alone have 134 million parameters."""
    with torch.device("meta"):
        return network(**options)


@pytest.mark.parametrize(("network", "options", "generator", "discriminator", "shape"), REPORTS)
def test_parameter_counts_are_those_of_the_report(network, options, generator: int, discriminator: int, shape) -> None:
    built = on_meta(network, options)
    assert parameter_count(built.generator) == generator
    assert parameter_count(built.discriminator) == discriminator


@pytest.mark.parametrize("batch", [2, 3])
@pytest.mark.parametrize(("network", "options", "generator", "discriminator", "shape"), REPORTS)
def test_shapes(network, options, generator: int, discriminator: int, shape: tuple[int, int, int], batch: int) -> None:
    latent, side, logits = shape
    built = on_meta(network, options)
    labels = torch.empty(batch, len(built.labels), dtype=torch.int64, device="meta") if built.labels else None
    image = built.generator(torch.empty(batch, latent, device="meta"), labels)
    real, told = built.discriminator(image)
    assert image.shape == (batch, 3, side, side)
    assert real.shape == (batch,)
    assert told.shape == (batch, logits)
    assert (built.latent_dim, built.image_size) == (latent, side)


@pytest.mark.parametrize(("network", "options", "generator", "discriminator", "shape"), REPORTS)
def test_no_sigmoid_is_left_in_a_discriminator(network, options, generator: int, discriminator: int, shape) -> None:
    built = on_meta(network, options)
    assert not any(isinstance(m, nn.Sigmoid | nn.Tanh | nn.Softmax) for m in built.discriminator.modules())


def layers(module: nn.Module) -> str:
    """Names of the layers in their order, without those that only reshape."""
    names = [type(m).__name__ for m in module.modules() if not list(m.children())]
    return " ".join(n for n in names if n not in ("Flatten", "Unflatten"))


@pytest.mark.parametrize(
    ("network", "decoder", "encoder"),
    [
        (
            LinearStemGAN,
            "Linear BatchNorm1d LeakyReLU Dropout "
            + 3 * "ConvTranspose2d BatchNorm2d LeakyReLU Dropout "
            + "ConvTranspose2d Tanh",
            "Conv2d LeakyReLU" + 3 * " Conv2d BatchNorm2d LeakyReLU Dropout",
        ),
        (
            WideKernelGAN,
            "ConvTranspose2d Conv2d ReLU Conv2d ReLU ConvTranspose2d Sigmoid",
            "Conv2d ReLU Conv2d ReLU MaxPool2d Linear",
        ),
        (
            WideKernelACGAN,
            "Linear ConvTranspose2d Conv2d ReLU Conv2d ReLU ConvTranspose2d Tanh",
            "Conv2d ReLU Conv2d ReLU MaxPool2d Conv2d ReLU Conv2d ReLU MaxPool2d Linear",
        ),
        (
            DCGAN,
            4 * "ConvTranspose2d BatchNorm2d ReLU " + "ConvTranspose2d Tanh",
            "Conv2d LeakyReLU" + 3 * " Conv2d BatchNorm2d LeakyReLU",
        ),
        (
            UpsamplingACGAN,
            "Linear BatchNorm2d" + 2 * " Upsample Conv2d BatchNorm2d LeakyReLU" + " Conv2d Tanh",
            "Conv2d LeakyReLU Dropout2d" + 3 * " Conv2d LeakyReLU Dropout2d BatchNorm2d",
        ),
    ],
)
def test_layers_come_in_the_order_of_the_report(network: type[GANNetwork], decoder: str, encoder: str) -> None:
    built = on_meta(network, {})
    assert layers(built.generator.decoder) == decoder
    assert layers(built.discriminator.encoder) == encoder
    assert {m.negative_slope for m in built.modules() if isinstance(m, nn.LeakyReLU)} <= {0.2}


@pytest.mark.parametrize(("options", "rates"), [({}, {0.5}), ({"dropout": 0.3}, {0.3}), ({"dropout": 0.0}, set())])
def test_d1_is_a2_without_dropout(options: dict[str, object], rates: set[float]) -> None:
    built = on_meta(LinearStemGAN, options)
    assert {m.p for m in built.modules() if isinstance(m, nn.Dropout)} == rates


def size_of(network: type[GANNetwork]) -> dict[str, int]:
    """Return the option that only our own network has: the others are of 64 pixels, or of 28."""
    return {"image_size": 64} if network is CompactGAN else {}


def small(network: type[GANNetwork], **options: object) -> GANNetwork:
    """Build with few channels; of the wide kernels, which have no such option, only the generator gets memory."""
    torch.manual_seed(0)
    if network in (CompactGAN, DCGAN):
        return network(width=4, latent_dim=8, **size_of(network), **options)
    if network not in (WideKernelGAN, WideKernelACGAN):
        return network(latent_dim=8, **options)
    built = on_meta(network, {"latent_dim": 8, **options})
    built.generator.to_empty(device="cpu")
    for p in built.generator.parameters():
        nn.init.normal_(p, std=0.05)
    return built


@pytest.mark.parametrize("network", [CompactGAN, DCGAN, LinearStemGAN, UpsamplingACGAN, WideKernelGAN, WideKernelACGAN])
def test_images_fill_but_stay_in_the_stated_range(network: type[GANNetwork]) -> None:
    built = small(network)
    last = [m for m in built.generator.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)][-1]
    nn.init.normal_(last.weight, std=100)  # push the last activation to both of its ends
    labels = torch.arange(2)[:, None] if built.labels else None
    with torch.no_grad():
        image = built.generator(torch.randn(2, 8), labels)
    low, high = built.value_range
    assert image.min() >= low
    assert image.max() <= high
    assert image.max() - image.min() > 0.9 * (high - low)


@pytest.mark.parametrize(("network", "low"), [(WideKernelGAN, 0), (WideKernelACGAN, -1), (DCGAN, -1), (CompactGAN, -1)])
def test_the_stated_range_is_that_of_the_report(network: type[GANNetwork], low: int) -> None:
    assert network.value_range == (low, 1)


def test_dcgan_starts_as_its_paper_says() -> None:
    torch.manual_seed(0)
    built = DCGAN(labels=["Smiling"])
    convolutions = [m for m in built.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    norms = [m for m in built.modules() if isinstance(m, nn.BatchNorm2d)]
    assert (len(convolutions), len(norms)) == (5 + 4 + 2, 4 + 3)
    for layer in convolutions:
        assert layer.bias is None
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.05)
        assert abs(layer.weight.mean().item()) < 0.002
    scales = torch.cat([m.weight for m in norms])
    assert scales.std().item() == pytest.approx(0.02, rel=0.1)
    assert scales.mean().item() == pytest.approx(1, abs=0.002)
    assert all(m.bias.abs().max() == 0 for m in norms)


# ------------------------------------------------------------------------------------------------------- our default


@pytest.mark.parametrize("labels", [[], ["digit", "Smiling"]])
@pytest.mark.parametrize("size", [8, 9, 12, 15, 25, 28, 32, 64, 100, 128])
def test_compact_gan_makes_and_judges_images_of_many_sizes(size: int, labels: list[str]) -> None:
    built = CompactGAN(size, latent_dim=5, width=2, labels=labels)
    image = built.generator(torch.randn(2, 5), torch.tensor([[3, 1], [0, 0]]) if labels else None)
    real, told = built.discriminator(image)
    assert image.shape == (2, 3, size, size)
    assert built.image_size == size
    assert real.shape == (2,)
    assert told.shape == (2, 11 if labels else 0)


@pytest.mark.parametrize("size", [1, 4, 7])
def test_compact_gan_refuses_a_size_too_small_to_halve(size: int) -> None:
    with pytest.raises(ConfigError, match=f"^image_size={size}: this network needs 8 pixels or more"):
        CompactGAN(size, width=None)


def test_compact_gan_has_the_layers_it_states() -> None:
    built = on_meta(CompactGAN, {"image_size": 64, "latent_dim": 128, "width": 32})
    generator = (
        128 * 4096 + 4096 + 2 * 256  # linear stem to 256 channels of 4×4; BN
        + 256 * 128 * 4 * 4 + 2 * 128  # 8×8, no bias; BN
        + 128 * 64 * 4 * 4 + 2 * 64  # 16×16, no bias; BN
        + 64 * 32 * 4 * 4 + 2 * 32  # 32×32, no bias; BN
        + 32 * 3 * 4 * 4 + 3  # 64×64
    )  # fmt: skip
    discriminator = (
        3 * 32 * 4 * 4 + 32  # 32×32
        + 32 * 64 * 4 * 4 + 64  # 16×16
        + 64 * 128 * 4 * 4 + 128  # 8×8
        + 128 * 256 * 4 * 4 + 256  # 4×4
        + 4096 + 1  # head
    )  # fmt: skip
    assert parameter_count(built.generator) == generator
    assert parameter_count(built.discriminator) == discriminator
    assert not any(isinstance(m, nn.modules.batchnorm._NormBase) for m in built.discriminator.modules())


def test_the_wide_compact_gan_has_the_parameters_that_the_documentation_states(compose) -> None:
    with torch.device("meta"):
        built = instantiate(compose("model=gan", "model/network=compact_gan_wide", "data=celeba")["model"]["network"])
    millions = [f"{parameter_count(part) / 1e6:.2f} M" for part in (built.generator, built.discriminator)]
    assert f"`compact_gan_wide`, {' + '.join(millions)}" in (CONF.parent / "docs" / "systems.md").read_text("utf-8")


def test_compact_gan_stops_doubling_its_channels_at_eight_times() -> None:
    built = on_meta(CompactGAN, {"image_size": 256, "width": 16})
    channels = [m.out_channels for m in built.discriminator.encoder if isinstance(m, nn.Conv2d)]
    assert channels == [16, 32, 64, 128, 128, 128]


@pytest.mark.parametrize(
    ("labels", "logits"), [(["Smiling"], 1), (["Smiling", "Male"], 2), (["digit"], 10), (["digit", "Male"], 11)]
)
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("network", [CompactGAN, DCGAN])
def test_a_shared_head_has_the_outputs_of_two(network, shared: bool, labels: list[str], logits: int) -> None:
    built = on_meta(network, {"width": 4, "labels": labels, "shared_head": shared, **size_of(network)})
    heads = [head for head in (built.discriminator.head, built.discriminator.label_head) if head is not None]
    assert [head.weight.shape[0] for head in heads] == ([1 + logits] if shared else [1, logits])
    image = torch.empty(2, 3, 64, 64, device="meta")
    assert [output.shape for output in built.discriminator(image)] == [(2,), (2, logits)]


@pytest.mark.parametrize("conditioning", ["append", "multiply"])
@pytest.mark.parametrize("labels", [["digit"], ["Smiling"], ["digit", "Smiling"]])
def test_an_image_depends_on_its_label(conditioning: str, labels: list[str]) -> None:
    torch.manual_seed(0)
    generator = CompactGAN(28, latent_dim=8, width=4, labels=labels, conditioning=conditioning).generator.eval()
    noise = torch.randn(1, 8).expand(3, 8)
    values = torch.tensor([[0] * len(labels), [1] + [0] * (len(labels) - 1), [0] * len(labels)])
    with torch.no_grad():
        zero, one, again = generator(noise, values)
    torch.testing.assert_close(zero, again)
    assert (one - zero).abs().max() > 1e-3


# ------------------------------------------------------------------------------------------------------ conditioning


def test_appended_labels_by_hand() -> None:
    append = AppendLabels(["Smiling", "digit", "Male"], latent_dim=2)
    noise, labels = torch.tensor([[0.5, -2.0], [3.0, 4.0]]), torch.tensor([[1, 0, 0], [0, 3, 1]], dtype=torch.int8)
    assert append.output_dim == 2 + 1 + 10 + 1
    assert append(noise, labels).tolist() == [
        [0.5, -2.0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        [3.0, 4.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1],
    ]


def test_multiplied_embeddings_by_hand() -> None:
    multiply = MultiplyEmbeddings(["Smiling", "digit"], latent_dim=2)
    assert [e.weight.shape for e in multiply.embeddings] == [(2, 2), (10, 2)]
    assert multiply.output_dim == 2
    with torch.no_grad():
        multiply.embeddings[0].weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 5.0]]))
        multiply.embeddings[1].weight.copy_(torch.arange(20.0).view(10, 2))
    labels = torch.tensor([[1, 4], [0, 9]], dtype=torch.int8)
    product = multiply(torch.tensor([[1.0, -1.0], [0.5, 1.0]]), labels)
    assert product.tolist() == [[1 * 3 * 8, -1 * 5 * 9], [0.5 * 1 * 18, 1 * 2 * 19]]


@pytest.mark.parametrize(("conditioning", "inputs"), [("append", 3 + 10 + 1), ("multiply", 3)])
def test_the_decoder_is_built_for_what_the_labels_make_of_the_noise(conditioning, inputs: int) -> None:
    asked = []

    def decoder(size: int) -> nn.Module:
        asked.append(size)
        return nn.Identity()

    generator = Generator(decoder, 3, ["digit", "Male"], conditioning)
    assert asked == [inputs]
    assert generator(torch.ones(2, 3), torch.zeros(2, 2, dtype=torch.int64)).shape == (2, inputs)


def test_without_labels_the_noise_goes_in_as_it_is() -> None:
    noise = torch.randn(4, 3)
    assert torch.equal(Generator(lambda size: nn.Identity(), 3)(noise), noise)


def line(outputs: int) -> nn.Module:
    """A head on one feature x: output i is (i + 1) x."""
    layer = nn.Linear(1, outputs, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(1.0, outputs + 1)[:, None])
    return layer


@pytest.mark.parametrize(
    ("shared", "told"),
    [(False, [[2.0, 4.0], [-3.0, -6.0]]), (True, [[4.0, 6.0], [-6.0, -9.0]])],
)
def test_the_first_output_judges_and_the_others_tell_the_labels(shared: bool, told: list[list[float]]) -> None:
    discriminator = Discriminator(nn.Flatten(), line, ["Smiling", "Male"], shared)
    judged, labels = discriminator(torch.tensor([2.0, -3.0]).view(2, 1, 1, 1))
    assert judged.tolist() == [2.0, -3.0]
    assert labels.tolist() == told


@pytest.mark.parametrize("shared", [False, True])
def test_a_discriminator_without_labels_tells_none(shared: bool) -> None:
    discriminator = Discriminator(nn.Flatten(), line, shared_head=shared)
    judged, told = discriminator(torch.ones(3, 1, 1, 1))
    assert (judged.shape, told.shape) == ((3,), (3, 0))
    assert parameter_count(discriminator) == 1


def test_labels_reach_the_embeddings_by_gradient() -> None:
    built = small(UpsamplingACGAN)
    built.generator(torch.randn(4, 8), torch.tensor([[0], [3], [3], [9]])).sum().backward()
    (table,) = built.generator.condition.embeddings
    touched: Tensor = table.weight.grad.abs().amax(1) > 0
    assert touched.nonzero().flatten().tolist() == [0, 3, 9]
