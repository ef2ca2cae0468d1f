"""Every configuration composes, passes the check, and builds; experiments say what their reports say."""

import functools
import itertools
import types
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from torch import nn

from adversaria.config import schema
from adversaria.config.errors import CONF, ConfigError, options
from adversaria.config.instantiate import instantiate
from adversaria.measures.shipped_classifiers import shipped
from datamodules.labels import label_sizes, logit_count
from datamodules.readers.base import open_reader
from lightning_modules.acgan import ACGAN
from lightning_modules.gan import GAN
from lightning_modules.networks.lab_gan import DCGAN, LinearStemGAN, UpsamplingACGAN, WideKernelACGAN, WideKernelGAN
from lightning_modules.networks.vae import VAENetwork
from lightning_modules.wgan import WGAN

ADAPTING = ["adamatch", "adda", "dann", "dsn", "mcc", "source_only", "target_only"]  # models that need a pair
MODELS = [model for model in options("model") if model not in ADAPTING]
SETS = ["celeba", "digits", "folder", "huggingface", "lab_faces", "mnist", "mnist5k", "mnistm", "svhn"]
SETS += ["synthetic_faces", "usps"]
PAIRS = [data for data in options("data") if data not in SETS]
NETWORKS, EXPERIMENTS, LOSSES = options("model/network"), options("experiment"), options("model/loss")
EMBEDDED = ["digits", "mnist5k", "synthetic_faces"]  # need no files
ADVERSARIAL = [e for e in EXPERIMENTS if "gan" in e]
ADAPTATION = [e for e in EXPERIMENTS if e not in ADVERSARIAL and not e.endswith("/vae")]
REPORT_A_DIGITS = ["report_a_adda1", "report_a_adda2", "report_a_adda3", "report_a_dann"]
#: Models that each network can be chosen for.
MODELS_OF = {
    "compact_gan": ["gan", "wgan", "acgan"],
    "compact_gan_wide": ["gan", "wgan", "acgan"],
    "compact_vae": ["vae", "cvae"],
    "conv_classifier": ["classifier"],
    "dcgan": ["gan", "wgan", "acgan"],
    "linear_stem_gan": ["gan", "wgan"],
    "strided_vae": ["vae"],
    "tanh_bottleneck_vae": ["vae"],
    "upsampling_acgan": ["acgan"],
    "wide_kernel_acgan": ["acgan"],
    "wide_kernel_gan": ["gan"],
    "wide_vae": ["vae"],
    **dict.fromkeys(["compact_digits", "compact_images", "report_d", "report_e", *REPORT_A_DIGITS], ADAPTING),
}


@pytest.fixture(scope="module")
def built(compose):
    """Compose, check and build, with parameters that take no memory; return configuration and module."""

    @functools.cache
    def build(*overrides: str) -> tuple[dict[str, Any], Any]:
        config = compose(*overrides)
        schema.check(config)
        with torch.device("meta"):
            return config, instantiate(config["model"])

    return build


def test_the_groups_are_not_empty() -> None:
    assert options("model") == sorted({model for models in MODELS_OF.values() for model in models})
    ordered = [f"{a}_{b}" for a, b in itertools.permutations(["usps", "mnist", "mnistm", "svhn"], 2)]
    assert sorted([*ordered, "digit_pair", "digits_mnist5k", "folder_pair", "mnist5k_blended"]) == PAIRS
    assert set(SETS) < set(options("data"))
    assert sorted(MODELS_OF) == NETWORKS
    assert LOSSES == ["hinge", "least_squares", "nonsaturating", "relativistic", "saturating", "wasserstein"]
    assert options("metrics") == ["classifier", "imagenet", "inception", "none", "reference"]
    assert [
        *("report_a/adda_mnistm_svhn", "report_a/adda_svhn_usps", "report_a/adda_usps_mnistm", "report_a/dann"),
        *("report_a/dcgan", "report_a/source_only", "report_a/target_only", "report_a/vae", "report_a/wgan"),
        *("report_b/acgan", "report_b/gan", "report_b/gan_runs", "report_b/vae"),
        *("report_c/acgan", "report_c/gan", "report_c/vae"),
        *("report_d/acgan", "report_d/dann", "report_d/gan"),
        *("report_e/acgan", "report_e/adda", "report_e/dann", "report_e/gan"),
    ] == EXPERIMENTS


@pytest.mark.parametrize(("model", "data"), list(itertools.product(MODELS, SETS)))
def test_every_model_composes_with_every_data_set(compose, model: str, data: str) -> None:
    config = compose(f"model={model}", f"data={data}")
    schema.check(config)
    labels = config["model"]["network"].get("labels", [])
    own = data in ("folder", "huggingface")  # whose labels are found later
    assert ((labels is None) if own and labels != [] else bool(labels)) == (model in ("acgan", "classifier", "cvae"))
    if data in EMBEDDED:
        assert set(labels) <= set(open_reader(instantiate(config["data"]["reader"]), None).attributes())


@pytest.mark.parametrize(("model", "data"), list(itertools.product(ADAPTING, PAIRS)))
def test_every_method_of_adaptation_composes_with_every_pair(compose, model: str, data: str) -> None:
    config = compose(f"model={model}", f"data={data}")
    schema.check(config)
    assert config["data"]["labelled"] == ("target" if model == "target_only" else "source")
    if data == "folder_pair":
        assert config["model"]["network"]["_target_"].endswith("CompactImages")
        return
    names = data.split("_") if data not in ("digit_pair", "mnist5k_blended") else None
    found = [config["data"][domain] for domain in ("source", "target")]
    assert names is None or found == names
    assert set(found) <= set(config["data"]["sets"])


@pytest.mark.parametrize(("model", "data"), [("dann", "digits"), ("vae", "digits_mnist5k")])
def test_a_pair_where_one_set_is_needed_or_the_reverse_is_one_sentence(built, model: str, data: str) -> None:
    config, module = built(f"model={model}", f"data={data}")
    with pytest.raises(ConfigError, match=r"^data: (DANN needs a pair of data sets|VAE needs one data set), e\.g\."):
        module.check_data(instantiate(config["data"]))


@pytest.mark.parametrize("augmentation", options("data/augmentation"))
def test_every_augmentation_composes_for_both_domains_and_for_one(compose, augmentation: str) -> None:
    config = compose("model=dann", "data=digits_mnist5k", f"data/augmentation={augmentation}")
    schema.check(config)
    switched_on = str(instantiate(config["data"]).augmentation["target"])
    assert switched_on.startswith("shift 0.") == (augmentation != "none")


@pytest.mark.parametrize("metrics", [name for name in options("metrics") if name != "none"])
def test_every_generator_composes_with_every_extractor(compose, metrics: str) -> None:
    for model in ("vae", "gan", "wgan", "acgan", "cvae"):
        config = compose(f"model={model}", "data=digits", f"metrics={metrics}")
        schema.check(config)
        callback = instantiate(config["callbacks"]["generation_metrics"])
        assert (callback.count, callback.split, callback.label_images) == (5000, "test", 1000)


@pytest.mark.parametrize(("model", "data"), list(itertools.product(MODELS, SETS)))
def test_a_shipped_classifier_measures_the_generators_of_its_data_by_default(compose, model: str, data: str) -> None:
    measured = {name for one in shipped() for name in one.data}
    extractor = (compose(f"model={model}", f"data={data}")["callbacks"]["generation_metrics"] or {}).get("extractor")
    expected = "ReferenceFeatures" if data in measured and model != "classifier" else None
    assert (extractor and extractor["_target_"].rpartition(".")[2]) == expected


def image_of(module: Any, data: dict[str, Any]) -> torch.Tensor:
    return torch.zeros(
        2, 3, getattr(module, "image_size", None) or data["image_size"], data["image_size"], device="meta"
    )


@pytest.mark.parametrize(("network", "model"), [(n, m) for n, models in MODELS_OF.items() for m in models])
def test_every_network_composes_and_fits_its_models(built, network: str, model: str) -> None:
    data = "digits" if network == "upsampling_acgan" else "synthetic_faces"
    if model in ADAPTING:
        config, module = built(f"model={model}", f"model/network={network}", "data=usps_mnistm", "data.image_size=32")
        features, logits = module.outputs(image_of(module, config["data"]), "target")
        assert features.shape == (2, module.network.num_features)
        assert logits.shape == (2, 10)
        return
    config, module = built(f"model={model}", f"model/network={network}", f"data={data}")
    image, net = image_of(module, config["data"]), module.network
    with torch.device("meta"):
        labels = torch.zeros(2, len(net.labels), dtype=torch.long) if net.labels else None
        if isinstance(net, VAENetwork):
            assert [part.shape for part in net.encode(image, labels)] == [(2, net.latent_dim)] * 2
            assert net.decode(torch.zeros(2, net.latent_dim), labels).shape == image.shape
            return
        logits = sum(logit_count(size) for size in label_sizes(net.labels))
        if model == "classifier":
            assert net(image).shape == (2, logits)
            return
        assert net.generator(torch.zeros(2, net.latent_dim), labels).shape == image.shape
        judged, told = net.discriminator(image)
        assert judged.shape == (2,)
        assert told.shape == (2, logits)
    assert bool(net.labels) == (model == "acgan")


@pytest.mark.parametrize(
    ("model", "network"), [("gan", "upsampling_acgan"), ("gan", "strided_vae"), ("vae", "compact_gan")]
)
def test_a_network_of_another_method_is_one_sentence(built, model: str, network: str) -> None:
    with pytest.raises(ConfigError, match=r"model.network"):
        built(f"model={model}", f"model/network={network}", "data=digits")


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_builds_and_its_data_fits_its_network(built, experiment: str, tmp_path: Path) -> None:
    config, module = built(f"experiment={experiment}")
    data = config["data"]
    assert list(module.value_range) == data["value_range"]
    assert module.image_size == data["image_size"]
    if experiment in ADAPTATION:
        module.check_data(instantiate({**data, "source": "digits", "target": "mnist5k"}))
        return
    labels = getattr(module, "labels", [])
    assert set(labels) <= set(config["labels"])
    attributes = ["another", *config["labels"]]
    module.check_data(
        types.SimpleNamespace(attributes=attributes, image_size=data["image_size"], value_range=module.value_range)
    )
    if labels:
        batch = {"labels": torch.arange(len(attributes)).expand(2, -1)}
        assert module.labels_of(batch)[0].tolist() == [attributes.index(label) for label in labels]
    for node in config["callbacks"].values():
        instantiate(node)
    trainer = instantiate(config["trainer"], logger=False, accelerator="cpu", default_root_dir=str(tmp_path))
    module.check_trainer(trainer)
    own = OmegaConf.load(CONF / "experiment" / f"{experiment}.yaml").get("trainer", {}).get("max_epochs")
    assert trainer.max_epochs == (own or config["trainer"]["max_epochs"])


def test_adversarial_models_train_longer_unless_told_otherwise(compose) -> None:
    epochs = {model: compose(f"model={model}")["trainer"]["max_epochs"] for model in MODELS}
    assert epochs["gan"] == epochs["wgan"] == epochs["acgan"] > epochs["vae"]
    assert compose("model=gan", "trainer.max_epochs=3")["trainer"]["max_epochs"] == 3
    assert compose("experiment=report_b/gan_runs")["trainer"]["max_epochs"] == 30  # inherited from report_b/gan


def test_the_callbacks_of_a_model_can_be_left_out_one_by_one(compose) -> None:
    assert compose("callbacks.tsne=null")["callbacks"]["tsne"] is None
    assert compose("model=acgan", "callbacks.conditional_grid=null")["callbacks"]["conditional_grid"] is None


def test_a_model_brings_its_own_callbacks_and_no_others(compose) -> None:
    own = {model: set(compose(f"model={model}", "data=digits")["callbacks"]) for model in MODELS}
    common = {"checkpoint", "progress_bar", "epoch_summary", "curves", "generation_metrics"}
    assert own["gan"] == own["wgan"] == common | {"samples", "health", "interpolation"}
    assert own["acgan"] == own["gan"] | {"conditional_grid"}
    assert own["classifier"] == common | {"keep", "classifier_report"}
    assert own["vae"] == common | {"samples", "reconstructions", "reconstruction_metrics", "tsne", "latent_mixture"}
    assert own["cvae"] == own["vae"] | {"conditional_grid"}


# -- losses
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_builds_and_trains_a_step(compose, loss: str) -> None:
    small = ["model.network.width=2", "model.network.latent_dim=4"]
    config = compose("model=gan", f"model/loss={loss}", "data=digits", *small)
    schema.check(config)
    module = instantiate(config["model"])
    before = {name: p.detach().clone() for name, p in module.network.named_parameters()}
    images = torch.rand(4, 3, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    batch = {"image": images, "labels": torch.zeros(4, 1, dtype=torch.int8)}
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = pl.Trainer(max_epochs=1, enable_checkpointing=False, num_sanity_val_steps=0, **quiet)
    trainer.fit(module, Once(batch), Once(batch))
    assert module.iteration == 1
    for side in ("generator", "discriminator"):
        moved = [not torch.equal(before[n], p) for n, p in module.network.named_parameters() if n.startswith(side)]
        assert any(moved), side
    assert all(p.isfinite().all() for p in module.network.parameters())


class Once:
    """One batch an epoch. (Lightning takes a bare list for a list of loaders.)"""

    def __init__(self, batch: dict[str, torch.Tensor]) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return 1

    def __iter__(self):
        yield self.batch


def test_the_losses_are_those_of_their_names(built) -> None:
    def names(*overrides: str) -> list[str]:
        return [side.func.__name__ for side in built(*overrides)[1].loss[:2]]

    assert {loss: names("model=gan", f"model/loss={loss}") for loss in LOSSES} == {
        "hinge": ["hinge_discriminator", "linear_generator"],
        "least_squares": ["least_squares_discriminator", "least_squares_generator"],
        "nonsaturating": ["cross_entropy_discriminator", "nonsaturating_generator"],
        "relativistic": ["relativistic_discriminator", "relativistic_generator"],
        "saturating": ["cross_entropy_discriminator", "saturating_generator"],
        "wasserstein": ["wasserstein_critic", "linear_generator"],
    }
    assert names("model=wgan") == ["wasserstein_critic", "linear_generator"]
    assert names("model=gan") == names("model=acgan") == ["cross_entropy_discriminator", "nonsaturating_generator"]


# -- what the reports say
def optimizers(module: GAN) -> list[tuple[str, float, Any]]:
    """Name, learning rate and betas of the two sides' optimizers."""
    chosen = [module.updates[side].optimizer for side in ("discriminator", "generator")]
    return [(o.func.__name__, o.keywords["lr"], o.keywords.get("betas")) for o in chosen]


def steps(module: GAN, iterations: range) -> list[tuple[int, int]]:
    """Steps of the discriminator and of the generator in each iteration."""
    d, g = module.updates["discriminator"], module.updates["generator"]
    return [(d.steps(i), g.steps(i)) for i in iterations]


@pytest.mark.parametrize("experiment", ADVERSARIAL)
def test_the_reports_have_none_of_our_additions(built, experiment: str) -> None:
    config, module = built(f"experiment={experiment}")
    assert module.ema is None
    assert (module.r1(0), module.r2(0), module.gradient_penalty, module.instance_noise(0)) == (0, 0, 0, 0)
    assert (list(module.augment), module.truncation) == ([], None)
    assert not config["model"]["spectral_norm"]
    assert not config["data"]["horizontal_flip"]
    assert all(u.clip is None and u.accumulate == 1 for u in module.updates.values())


@pytest.mark.parametrize(
    ("experiment", "method", "network", "optimizer"),
    [
        ("report_a/dcgan", GAN, LinearStemGAN, ("Adam", 2e-4, [0.5, 0.999])),
        ("report_a/wgan", WGAN, LinearStemGAN, ("RMSprop", 5e-5, None)),
        ("report_b/gan", GAN, WideKernelGAN, ("Adam", 1e-4, [0.9, 0.999])),
        ("report_b/gan_runs", GAN, WideKernelGAN, ("Adam", 1e-4, [0.9, 0.999])),
        ("report_b/acgan", ACGAN, WideKernelACGAN, ("Adam", 1e-4, [0.9, 0.999])),
        ("report_c/gan", GAN, DCGAN, ("Adam", 2e-4, [0.5, 0.999])),
        ("report_c/acgan", ACGAN, DCGAN, ("Adam", 2e-4, [0.5, 0.999])),
        ("report_d/gan", GAN, LinearStemGAN, ("Adam", 2e-4, [0.5, 0.999])),
        ("report_d/acgan", ACGAN, UpsamplingACGAN, ("Adam", 2e-4, [0.5, 0.999])),
        ("report_e/gan", GAN, DCGAN, ("Adam", 2e-4, [0.5, 0.999])),
        ("report_e/acgan", ACGAN, DCGAN, ("Adam", 2e-4, [0.5, 0.999])),
    ],
)
def test_methods_networks_and_optimizers_of_the_reports(built, experiment, method, network, optimizer) -> None:
    _, module = built(f"experiment={experiment}")
    assert type(module) is method
    assert type(module.network) is network
    assert optimizers(module) == [optimizer] * 2


def test_our_own_defaults(built) -> None:
    usual = ("Adam", 4e-4, [0.5, 0.999])
    for model, optimizer, r1 in (("gan", usual, 0.1), ("acgan", usual, 0.1), ("wgan", ("Adam", 1e-4, [0.0, 0.9]), 0)):
        _, module = built(f"model={model}")
        assert optimizers(module) == [optimizer] * 2
        assert module.r1(0) == r1
        assert module.ema is not None
    _, wgan = built("model=wgan")
    assert (wgan.weight_clip, wgan.gradient_penalty) == (None, 10)
    assert steps(wgan, range(6)) == [(1, 0), (1, 0), (1, 1)] * 2


def test_report_a_clips_the_critic_and_takes_five_of_its_steps_to_one(built) -> None:
    _, module = built("experiment=report_a/wgan")
    assert module.weight_clip == 0.01
    assert steps(module, range(10)) == [*[(1, 0)] * 4, (1, 1)] * 2
    layers = [layer for layer in module.network.modules() if isinstance(layer, nn.Dropout)]
    assert layers
    assert {layer.p for layer in layers} == {0.5}


def test_report_d_has_report_a_s_networks_without_dropout_and_digits_of_28_pixels(built) -> None:
    def parameters(experiment: str) -> list[tuple[int, ...]]:
        return [tuple(p.shape) for p in built(f"experiment={experiment}")[1].parameters()]

    _, gan = built("experiment=report_d/gan")
    assert parameters("report_d/gan") == parameters("report_a/wgan") == parameters("report_a/dcgan")
    assert not any(isinstance(layer, nn.Dropout) for layer in gan.network.modules())
    config, acgan = built("experiment=report_d/acgan")
    assert config["data"]["image_size"] == acgan.image_size == 28
    assert config["data"]["reader"]["_target_"].endswith("MNISTM")
    assert acgan.labels == ["digit"]


@pytest.mark.parametrize(("experiment", "last"), [("report_b/gan", 3), ("report_b/acgan", 4)])
def test_report_b_goes_from_one_step_of_the_discriminator_to_several(built, experiment: str, last: int) -> None:
    _, module = built(f"experiment={experiment}")
    every = module.updates["generator"].every
    changes = range(5000, 5000 * last, 5000)
    assert [every(i) for i in (0, *changes, 10**6)] == [1, *range(2, last + 1), last]
    assert [every(i - 1) for i in changes] == list(range(1, last))  # each until the iteration before the next
    assert steps(module, range(8)) == [(1, 1)] * 8
    late = steps(module, range(60_000, 60_000 + 10 * last))
    assert [sum(side) for side in zip(*late, strict=True)] == [10 * last, 10]


def test_report_b_alternates_runs_of_ten_to_ten_and_later_twenty_to_ten(built) -> None:
    _, module = built("experiment=report_b/gan_runs")
    d, g = [(1, 0)], [(0, 1)]
    assert steps(module, range(60)) == (d * 10 + g * 10) * 3
    assert steps(module, range(5940, 6060)) == (d * 10 + g * 10) * 3 + (d * 20 + g * 10) * 2
    assert steps(module, range(60_000, 60_060)) == (d * 20 + g * 10) * 2


def test_report_c_has_256_numbers_of_noise_and_a_second_head_of_the_same_kind(built) -> None:
    _, gan = built("experiment=report_c/gan")
    assert gan.network.latent_dim == 256
    _, acgan = built("experiment=report_c/acgan")
    assert acgan.network.latent_dim == 256
    assert acgan.labels == ["Mouth_Slightly_Open"]
    assert acgan.network.generator.decoder[1].in_channels == 257  # the attribute, appended
    assert acgan.network.discriminator.label_head.weight.shape == acgan.network.discriminator.head.weight.shape


@pytest.mark.parametrize("experiment", ["report_e/gan", "report_e/acgan"])
def test_report_e_takes_two_batches_of_noise_and_lets_the_learning_rate_decay(built, experiment: str) -> None:
    config, module = built(f"experiment={experiment}")
    assert module.generator_batches == 2
    assert config["data"]["batch_size"] == 128
    assert module.network.latent_dim == 100
    for update in module.updates.values():
        factors = [update.lr_factor(i) for i in (0, 5000, 10_000, 20_000)]
        assert factors == pytest.approx([1, 0.5**0.5, 0.5, 0.25])


def test_the_conditional_systems_of_the_reports_weigh_labels_as_our_own_does(built) -> None:
    for experiment in (e for e in ADVERSARIAL if e.endswith("acgan")):
        _, module = built(f"experiment={experiment}")
        assert (module.label_on_fake, module.label_weight) == (False, 1)


def test_labels_are_chosen_in_one_place(built) -> None:
    config, module = built("model=acgan", "data=synthetic_faces", "labels=[Smiling,Male]")
    assert module.labels == config["labels"] == ["Smiling", "Male"]
    _, classifier = built("model=classifier", "data=digits")
    assert classifier.labels == ["digit"]
