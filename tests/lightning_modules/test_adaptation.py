"""Domain adaptation: what each method's turns change, its losses by hand, and that it adapts to an easy target."""

import functools
import math
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from adversaria.config.errors import CheckpointError, ConfigError
from datamodules.augmentation import Augmentation
from lightning_modules.adamatch import AdaMatch
from lightning_modules.adda import ADDA
from lightning_modules.adversarial import OptimizerSettings
from lightning_modules.dann import DANN
from lightning_modules.dsn import DSN
from lightning_modules.ema import ExponentialAverage
from lightning_modules.losses import domain_loss, entropy
from lightning_modules.networks.adaptation import (
    CompactDigits,
    DomainDiscriminator,
    EncoderClassifier,
    ImageDecoder,
    reverse_gradient,
)
from lightning_modules.networks.batch_norm import split_statistics, statistics_of
from lightning_modules.supervised import Supervised
from lightning_modules.target_terms import TargetTerms

SIZE = 8


def update(**options: Any) -> OptimizerSettings:
    return OptimizerSettings(options.pop("optimizer", functools.partial(torch.optim.SGD, lr=0.05)), **options)


def network() -> CompactDigits:
    torch.manual_seed(0)
    return CompactDigits(width=4, dropout=0.0)


discriminator = functools.partial(DomainDiscriminator, width=8, layers=1)
decoder = functools.partial(ImageDecoder, image_size=SIZE, width=4)


#: Options under which each part of a loss weighs enough to be seen.
PLAIN: dict[type, dict[str, Any]] = {
    Supervised: {"labelled": "source"},
    DANN: {"weight": 1.0, "target_terms": TargetTerms()},
    DSN: {"weight": 1.0},
    ADDA: {"target_terms": TargetTerms()},
    AdaMatch: {"strong_source": True, "interpolation": True},
}


def build(method: str, **options: Any) -> Any:
    updates = {name: update() for name in ("pretraining", "update", "discriminator_update")}
    methods = {
        "supervised": (Supervised, {"update": update()}),
        "dann": (DANN, {"update": update(), "domain_discriminator": discriminator}),
        "in turn": (
            DANN,
            {"update": update(), "domain_discriminator": discriminator, "discriminator_update": update()},
        ),
        "cdan": (DANN, {"update": update(), "domain_discriminator": discriminator, "conditional": True}),
        "dsn": (DSN, {"update": update(), "domain_discriminator": discriminator, "decoder": decoder}),
        "adda": (ADDA, {**updates, "domain_discriminator": discriminator, "pretrain_epochs": 1}),
        "adamatch": (AdaMatch, {"update": update(), "strong": Augmentation(invert=0.5), "ema": ExponentialAverage}),
    }
    kind, defaults = methods[method]
    plain = {"network": network(), "cosine": False, "batch_norm": "joint", **PLAIN.get(kind, {})}
    return kind(**{**plain, **defaults, **options})


METHODS = ["supervised", "dann", "in turn", "cdan", "dsn", "adda", "adamatch"]


def batches(count: int, size: int = 12) -> list[dict[str, torch.Tensor]]:
    g = torch.Generator().manual_seed(1)
    return [
        {
            "source": torch.rand(size, 3, SIZE, SIZE, generator=g) * 2 - 1,
            "labels": torch.randint(10, (size,), generator=g, dtype=torch.int8),
            "target": torch.rand(size, 3, SIZE, SIZE, generator=g) - 1,
        }
        for _ in range(count)
    ]


def states(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in module.named_parameters()}


def changed(before: dict[str, torch.Tensor], module: nn.Module) -> set[str]:
    """First parts of the names of parameters that changed."""
    after = states(module)
    return {name.split(".")[0] for name in before if not torch.equal(before[name], after[name])}


# --------------------------------------------------------------------------------------------------------- every method


@pytest.mark.parametrize("method", METHODS)
def test_the_phases_partition_the_trainable_parameters(method: str) -> None:
    module = build(method)
    owned = [id(p) for o in module.configure_optimizers() for g in o.param_groups for p in g["params"]]
    unowned = {n for n, p in module.named_parameters() if p.requires_grad and id(p) not in owned}
    assert len(owned) == len(set(owned))
    assert not unowned


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batch_norm", ["joint", "separate", "split"])
def test_every_method_trains_and_tells_digits_of_both_domains(train_on: Any, method: str, batch_norm: str) -> None:
    module = build(method, batch_norm=batch_norm, **({"interpolation": False} if method == "adamatch" else {}))
    before = states(module.network)
    train_pair(train_on, module, batches(3), epochs=2)
    assert changed(before, module.network)
    assert all(torch.isfinite(p).all() for p in module.parameters())
    assert not any(p.grad is not None for p in module.parameters())
    module.eval()
    for domain in ("source", "target"):
        assert module.features(batches(1)[0]["target"], domain).shape == (12, 16)
        assert module.classify(batches(1)[0]["target"], domain).shape == (12, 10)


def held_out(batch: dict[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    return [{"image": batch["source"], "labels": batch["labels"][:, None]}]


def train_pair(train_on: Any, module: Any, data: list[Any], epochs: int = 1, **options: Any) -> pl.Trainer:
    trainer: pl.Trainer = train_on(module, data, epochs, val=held_out(data[0]), **options)
    return trainer


def trainer(epochs: int, **options: Any) -> pl.Trainer:
    quiet: dict[str, Any] = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return pl.Trainer(accelerator="cpu", max_epochs=epochs, **quiet, **options)


def test_accuracy_is_of_the_targets_test_images(train_on: Any) -> None:
    module = build("supervised")
    data = batches(2)
    trainer = train_pair(train_on, module, data)
    trainer.test(module, DataLoader(held_out(data[0]), batch_size=None), verbose=False)  # type: ignore[arg-type]
    module.eval()
    expected = (module.classify(data[0]["source"]).argmax(1) == data[0]["labels"]).float().mean()
    assert float(trainer.callback_metrics["test/accuracy"]) == pytest.approx(float(expected))


def test_the_cosine_lets_the_learning_rate_fall_to_zero(train_on: Any) -> None:
    rates = []

    class Rates(pl.Callback):
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            rates.append(trainer.optimizers[0].param_groups[0]["lr"])

    train_pair(train_on, build("supervised", cosine=True), batches(4), callbacks=[Rates()])
    assert rates == pytest.approx([0.05 * 0.5 * (1 + math.cos(math.pi * i / 4)) for i in range(4)])


@pytest.mark.parametrize(("method", "keys"), [("dann", ["update"]), ("adda", ["pretraining", "discriminator_update"])])
def test_clipping_by_the_trainer_is_refused_with_the_keys_that_do_it(method: str, keys: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"gradient_clip_val=1") as error:
        build(method).check_trainer(trainer(2, gradient_clip_val=1))
    assert all(f"model.{key}.clip=1" in str(error.value) for key in keys)
    assert "generator" not in str(error.value)


def test_dsn_in_turn_is_refused() -> None:
    with pytest.raises(ConfigError, match="DSN reverses the gradient"):
        build("dsn", discriminator_update=update())


def test_a_network_of_another_kind_is_an_error() -> None:
    with pytest.raises(ConfigError, match="EncoderClassifier"):
        Supervised(update=update(), labelled="source", network=nn.Linear(1, 1))  # type: ignore[arg-type]


def test_without_terms_split_statistics_of_the_target_are_learnt_from_its_images(train_on: Any) -> None:
    module = build("supervised", batch_norm="split")
    train_pair(train_on, module, batches(3))
    layer = module.network.encoder[1]
    assert not torch.equal(layer.target_mean, torch.zeros_like(layer.target_mean))
    assert not torch.allclose(layer.target_mean, layer.running_mean, atol=1e-3)
    joint = build("supervised", batch_norm="joint")
    train_pair(train_on, joint, batches(3))
    assert changed(states(joint), module) == set()  # the weights are the same


def test_split_statistics_without_images_of_the_source_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"model\.batch_norm=split: .*leave it at joint"):
        build("supervised", batch_norm="split", labelled="target").check_trainer(trainer(1))


# ----------------------------------------------------------------------------------------------------------------- DANN


@pytest.mark.parametrize("turn", ["discriminator_loss", "confusion_loss", "reversal_loss"])
def test_a_discriminator_with_batch_norm_sees_a_difference_of_means(turn: str) -> None:
    method = "dann" if turn == "reversal_loss" else "in turn"
    module = build(method, gamma=0.0, domain_discriminator=functools.partial(discriminator, batch_norm=True))
    module.record = lambda *_: None
    module.trainer = type("T", (), {"max_epochs": 1, "num_training_batches": 1})()
    seen = []
    module.discriminator.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    getattr(module, turn)(batches(1)[0])
    assert seen == [24]  # both domains in one pass


def test_the_reversed_gradient_is_minus_the_strength_times_the_gradient() -> None:
    x = torch.randn(5, requires_grad=True)
    (reverse_gradient(x, 0.3) * torch.arange(5.0)).sum().backward()
    assert torch.allclose(x.grad, -0.3 * torch.arange(5.0))  # type: ignore[arg-type]


def test_the_domain_loss_is_the_cross_entropy_of_both_domains() -> None:
    source, target = torch.tensor([2.0, -1.0]), torch.tensor([0.5])
    logits, truth = torch.cat([source, target]), torch.tensor([1.0, 1, 0])
    each = functional.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    assert domain_loss(source, target) == pytest.approx(float(0.5 * (each[:2].mean() + each[2])))
    weights = torch.tensor([3.0, 1.0])
    weighted = 0.5 * ((weights * each[:2]).sum() / 4 + each[2])
    assert domain_loss(source, target, weights, torch.tensor([7.0])) == pytest.approx(float(weighted))


def test_entropy_in_nats() -> None:
    assert entropy(torch.zeros(1, 10)).item() == pytest.approx(math.log(10))
    assert entropy(torch.tensor([[50.0, 0, 0]])).item() == pytest.approx(0, abs=1e-6)


def gradients(module: Any, loss: torch.Tensor, part: nn.Module) -> torch.Tensor:
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(part.parameters()), retain_graph=True)])


def test_reversal_makes_the_encoder_climb_the_domain_loss_that_the_discriminator_descends() -> None:
    module, (batch,) = build("dann", gamma=0.0, weight=0.7), batches(1)
    module.record = lambda *_: None
    module.trainer = type("T", (), {"max_epochs": 1, "num_training_batches": 1})()
    module.fake_progress = 0
    source, target = module.both(batch["source"], batch["target"])
    plain = domain_loss(module.discriminator(source.features), module.discriminator(target.features))
    label = functional.cross_entropy(source.logits, batch["labels"].long())
    total = module.adversarial_loss(source, target, batch)
    assert total.item() == pytest.approx((plain + label).item(), rel=1e-5)
    encoder = module.network.encoder
    expected = gradients(module, label, encoder) - 0.7 * gradients(module, plain, encoder)
    assert torch.allclose(gradients(module, total, encoder), expected, atol=1e-5)
    assert torch.allclose(
        gradients(module, total, module.discriminator), gradients(module, plain, module.discriminator), atol=1e-6
    )


@pytest.mark.parametrize("turn", ["discriminator", "network"])
def test_in_turn_each_side_changes_itself_alone(train_on: Any, turn: str) -> None:
    skip = update(repeat=0)
    module = build("in turn", **({"update": skip} if turn == "discriminator" else {"discriminator_update": skip}))
    before = states(module)
    train_pair(train_on, module, batches(2))
    assert changed(before, module) == {turn}


def test_the_weight_rises_with_progress(train_on: Any) -> None:
    seen = []
    module = build("dann", weight=2.0)
    loss = module.adversarial_loss
    module.adversarial_loss = lambda *a: (seen.append(module.strength), loss(*a))[1]
    train_pair(train_on, module, batches(4))
    assert seen == pytest.approx([2 * (2 / (1 + math.exp(-10 * i / 4)) - 1) for i in range(4)])


def test_the_conditional_discriminator_sees_features_times_predictions() -> None:
    module, (batch,) = build("cdan"), batches(1)
    source, _ = module.both(batch["source"], batch["target"])
    inputs = module.inputs(source)
    predictions = source.logits.softmax(1)
    assert inputs.shape == (12, 160)
    assert torch.allclose(inputs[3].view(10, 16), torch.outer(predictions[3], source.features[3]), atol=1e-6)


def test_sure_predictions_weigh_more_under_entropy_conditioning() -> None:
    module, (batch,) = build("dann", entropy_conditioning=True), batches(1)
    module.record = lambda *_: None
    source, target = module.both(batch["source"], batch["target"])
    logits = [module.discriminator(side.features) for side in (source, target)]
    weights = [1 + torch.exp(-entropy(side.logits)) for side in (source, target)]
    assert module.domain_loss(source, target).item() == pytest.approx(domain_loss(*logits, *weights).item())


def test_entropy_conditioning_changes_the_encoders_side_of_updates_in_turn_too() -> None:
    losses = []
    for on in (True, False):
        module, (batch,) = build("in turn", gamma=0.0, weight=100.0, entropy_conditioning=on), batches(1)
        module.network.classifier[-1].weight.data.mul_(8)  # of some images it is surer than of others
        module.record = lambda *_: None
        module.trainer = type("T", (), {"max_epochs": 1, "num_training_batches": 1})()
        losses.append(module.confusion_loss(batch).item())
    assert abs(losses[0] - losses[1]) > 1e-3


def test_joint_and_separate_statistics_are_different_methods() -> None:
    (batch,) = batches(1)
    joint, separate = (
        build("dann", batch_norm=b).both(batch["source"], batch["target"]) for b in ("joint", "separate")
    )
    assert not torch.allclose(joint[0].features, separate[0].features, atol=1e-3)


def test_split_statistics_are_kept_for_each_domain() -> None:
    net = network()
    split_statistics(net)
    dark, bright = torch.rand(64, 3, SIZE, SIZE) - 1, torch.rand(64, 3, SIZE, SIZE)
    for _ in range(60):
        net(dark)
        with statistics_of("target"):
            net(bright)
    net.eval()
    spread = {}
    for domain, image in (("source", dark), ("target", bright)):
        with statistics_of(domain):
            out = net.encoder[1](net.encoder[0](image))
        spread[domain] = (out.mean((0, 2, 3)).abs().max().item(), (out.var((0, 2, 3)) - 1).abs().max().item())
    assert max(spread["source"] + spread["target"]) < 0.1
    with statistics_of("target"):
        foreign = net.encoder[1](net.encoder[0](dark))
    assert foreign.mean((0, 2, 3)).abs().max() > 0.5


def test_dsn_wants_private_and_shared_features_apart_and_images_rebuilt() -> None:
    module, (batch,) = build("dsn", gamma=0.0), batches(1)
    recorded: dict[str, Any] = {}
    module.record = lambda _, values: recorded.update(values)
    module.trainer = type("T", (), {"max_epochs": 1, "num_training_batches": 1})()
    total = module.reversal_loss(batch)
    parts = {k: v.item() for k, v in recorded.items() if k.startswith("loss")}
    extra = sum(
        0.01 * parts[f"loss_reconstruction_{d}"] + 0.05 * parts[f"loss_difference_{d}"] for d in ("source", "target")
    )
    assert total.item() == pytest.approx(parts["loss_label"] + parts["loss_domain"] + extra, rel=1e-5)
    encoders = [module.network.encoder, *module.private.values()]
    firsts = [next(e.parameters()) for e in encoders]
    assert not torch.equal(firsts[0], firsts[1])
    assert not torch.equal(firsts[1], firsts[2])


# ----------------------------------------------------------------------------------------------------------------- ADDA


def test_pretraining_changes_the_network_alone_and_the_target_encoder_follows_it(train_on: Any) -> None:
    module = build("adda", pretrain_epochs=2, update=update(repeat=0), discriminator_update=update(repeat=0))
    before = states(module)
    train_pair(train_on, module, batches(2), epochs=3)
    assert changed(before, module) == {"network", "target_encoder"}
    for a, b in zip(module.network.encoder.parameters(), module.target_encoder.parameters(), strict=True):
        assert torch.equal(a, b)


def test_adaptation_changes_the_target_encoder_and_leaves_the_source_as_it_was(train_on: Any) -> None:
    kept: dict[str, Any] = {}

    class Keep(pl.Callback):
        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            if trainer.current_epoch == 0:
                kept.update({k: v.clone() for k, v in module.network.state_dict().items()})

    module = build("adda", pretrain_epochs=1)
    train_pair(train_on, module, batches(2), epochs=3, callbacks=[Keep()])
    assert all(torch.equal(v, kept[k]) for k, v in module.network.state_dict().items())
    assert not torch.equal(next(module.target_encoder.parameters()), kept["encoder.0.weight"])
    assert module.update_counts == {"network": 2, "discriminator": 4, "target_encoder": 4}


def test_the_encoder_that_is_validated_in_pretraining_is_the_one_that_was_trained(train_on: Any) -> None:
    same = []

    class Compare(pl.Callback):
        def on_validation_epoch_end(self, trainer: Any, module: Any) -> None:
            if not trainer.sanity_checking:
                pairs = zip(module.network.encoder.parameters(), module.target_encoder.parameters(), strict=True)
                same.append(all(torch.equal(a, b) for a, b in pairs))

    train_pair(train_on, build("adda", pretrain_epochs=2), batches(2), epochs=3, callbacks=[Compare()])
    assert same == [True, True, False]


def test_adaptation_keeps_the_statistics_of_the_classifier_and_drops_out_on_both_sides(train_on: Any) -> None:
    net = network()
    net.encoder.append(nn.Dropout(0.5))
    net.classifier = nn.Sequential(nn.BatchNorm1d(16), net.classifier)
    module = build("adda", network=net, pretrain_epochs=0, target_terms=TargetTerms(entropy=1.0))
    train_pair(train_on, module, batches(3))
    assert torch.equal(module.network.classifier[0].running_mean, torch.zeros(16))
    assert torch.equal(module.network.encoder[1].running_mean, torch.zeros(4))
    assert module.network.encoder[-1].training
    assert module.target_encoder[-1].training


def test_batch_norm_in_the_discriminator_is_refused_where_it_sees_the_target_alone() -> None:
    module = build("adda", domain_discriminator=functools.partial(discriminator, batch_norm=True))
    with pytest.raises(ConfigError, match=r"whose mean batch norm would take away"):
        module.check_trainer(trainer(2))


def test_an_encoder_of_the_target_that_init_from_does_not_bring_starts_from_the_sources(train_on: Any) -> None:
    for new, follows in ((["target_encoder.0.weight"], True), ([], False)):
        module = build("adda", pretrain_epochs=0, update=update(repeat=0))
        with torch.no_grad():
            next(module.network.parameters()).add_(1)  # as init_from does
        module.started_from = {"init_new": new}
        train_pair(train_on, module, batches(1))
        same = torch.equal(next(module.target_encoder.parameters()), next(module.network.parameters()))
        assert same == follows


def test_pretraining_that_leaves_no_epoch_is_an_error(train_on: Any) -> None:
    with pytest.raises(ConfigError, match=r"trainer\.max_epochs=2: 2 of them pretrain .*raise it"):
        train_pair(train_on, build("adda", pretrain_epochs=2), batches(1), epochs=2)


def test_the_gate_keeps_the_encoder_from_a_discriminator_that_does_not_beat_chance(train_on: Any) -> None:
    closed = build("adda", pretrain_epochs=0, gate=0.99)
    train_pair(train_on, closed, [{**b, "target": b["source"]} for b in batches(3)])
    assert closed.update_counts == {"discriminator": 3}
    opened = build("adda", pretrain_epochs=0, gate=0.0)
    train_pair(train_on, opened, batches(3))
    assert opened.update_counts == {"discriminator": 3, "target_encoder": 3}


def test_a_trained_source_classifier_stands_in_for_pretraining(train_on: Any, tmp_path: Any) -> None:
    source = build("supervised")
    source.config = {
        "_target_": "lightning_modules.supervised.Supervised", "labelled": "source",
        "update": {"_target_": "lightning_modules.adversarial.OptimizerSettings",
                   "optimizer": {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 0.1}},
        "network": {"_target_": "lightning_modules.networks.adaptation.CompactDigits", "width": 4, "dropout": 0.0},
    }  # fmt: skip
    trainer = train_pair(train_on, source, batches(2))
    trainer.save_checkpoint(tmp_path / "source.ckpt")
    module = build("adda", pretrain_epochs=3, source_checkpoint=str(tmp_path / "source.ckpt"), update=update(repeat=0))
    train_pair(train_on, module, batches(1))
    for name, value in source.network.state_dict().items():
        assert torch.equal(module.network.state_dict()[name], value)
    assert torch.equal(next(module.target_encoder.parameters()), next(source.network.encoder.parameters()))
    assert module.update_counts == {"discriminator": 1}
    other = build("adda", source_checkpoint=str(tmp_path / "source.ckpt"), network=CompactDigits(width=8))
    with pytest.raises(ConfigError, match=r"its network is not model\.network"):
        train_pair(train_on, other, batches(1))
    absent = build("adda", source_checkpoint=str(tmp_path / "nowhere.ckpt"))
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        train_pair(train_on, absent, batches(1))


# ------------------------------------------------------------------------------------------------------------- AdaMatch


def test_labels_count_where_the_network_is_as_sure_as_on_the_source() -> None:
    module = build("adamatch", threshold=0.8)
    source = torch.zeros(4, 10)
    source[:, 0] = 4.0  # sure with 0.858
    target = torch.zeros(3, 10)
    target[0, 3], target[1, 5], target[2, 7] = 6.0, 2.0, 3.4  # sure with 0.978, 0.451, 0.769; needed: 0.687
    labels, mask = module.pseudo_labels(source, target)
    assert labels.tolist() == [3, 5, 7]
    assert mask.tolist() == [1, 0, 1]


def test_labels_are_aligned_with_the_distribution_on_the_source() -> None:
    module = build("adamatch")
    module.priors.copy_(torch.tensor([[0.1] * 10, [0.4, 0.04] + [0.07] * 8]))
    target = torch.zeros(1, 10)
    target[0, 0], target[0, 1] = 2.0, 1.5  # class 0 is predicted too often
    assert module.pseudo_labels(torch.zeros(1, 10), target)[0].item() == 1


def test_the_targets_weight_rises_over_the_first_half(train_on: Any) -> None:
    seen = []
    module = build("adamatch", weight=2.0)
    loss = module.loss
    module.loss = lambda batch: (seen.append(module.strength), loss(batch))[1]
    train_pair(train_on, module, batches(8))
    assert seen == pytest.approx([0.0, 2 * 0.1464466, 1.0, 2 * 0.8535534, 2, 2, 2, 2], abs=1e-5)


@pytest.mark.parametrize("batch_norm", ["separate", "split"])
def test_interpolation_is_refused_where_the_target_does_not_change_the_sources_logits(batch_norm: str) -> None:
    with pytest.raises(ConfigError, match=r"nothing to mix; add model\.batch_norm=joint"):
        build("adamatch", batch_norm=batch_norm).check_trainer(trainer(1))


def test_the_pass_without_the_target_leaves_the_running_statistics(train_on: Any) -> None:
    seen = {}
    for interpolation in (True, False):
        module = build("adamatch", interpolation=interpolation, update=update(repeat=1))
        train_pair(train_on, module, batches(1))
        seen[interpolation] = module.network.encoder[1].running_mean
        assert module.network.encoder[1].momentum == 0.1
    assert torch.equal(seen[True], seen[False])


def test_the_average_is_what_is_evaluated(train_on: Any) -> None:
    module = build("adamatch")
    train_pair(train_on, module, batches(3))
    image = batches(1)[0]["target"]
    module.eval()
    assert torch.allclose(module.classify(image), module.ema.network(image)[1])
    assert not torch.allclose(module.classify(image), module.network(image)[1])


# -------------------------------------------------------------------------------------------------------- they do adapt


def shifted_pair(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bars at one of ten heights: bright on dark, for the target dimmer, with noise and a tint."""
    g = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 10
    image = torch.full((count, 3, 20, 20), -1.0)
    for i, label in enumerate(labels):
        image[i, :, 2 * label : 2 * label + 2] = 1.0
    tint = torch.tensor([0.9, 0.3, -0.2]).view(1, 3, 1, 1)
    target = 0.3 * image + tint + 0.2 * torch.randn(image.shape, generator=g)
    return image, labels, target.clamp(-1, 1)


class Position(EncoderClassifier):
    """Rows are told apart by a linear layer on features that see the tint."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        encoder = nn.Sequential(nn.Flatten(), nn.Linear(1200, 32), nn.BatchNorm1d(32), nn.ReLU())
        super().__init__(encoder, nn.Linear(32, 10), 32)


@pytest.mark.parametrize(("method", "floor"), [("dann", 0.45), ("adamatch", 0.9)])
def test_adaptation_helps_on_a_pair_where_the_source_alone_does_not_do(
    train_on: Any, method: str, floor: float
) -> None:
    source, labels, target = shifted_pair(200, 0)
    parts = torch.randperm(200, generator=torch.Generator().manual_seed(0)).split(50)
    data = [{"source": source[p], "labels": labels[p], "target": target[p.flip(0)]} for p in parts]
    accuracy = {}
    adam = functools.partial(torch.optim.Adam, lr=3e-3)
    for name in ("supervised", method):
        extra = {"strong": Augmentation(noise=0.1)} if name == "adamatch" else {}
        module = build(name, network=Position(), update=update(optimizer=adam), **extra)
        train_pair(train_on, module, data, epochs=25)
        module.eval()
        accuracy[name] = float((module.classify(shifted_pair(200, 1)[2]).argmax(1) == labels).float().mean())
    assert accuracy[method] > max(floor, accuracy["supervised"] + 0.2)
