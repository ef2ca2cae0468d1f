"""The loop of phases: whose parameters change, when, and that nothing leaks from one turn into the next."""

import functools
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.strategies import DDPStrategy

from adversaria.config.errors import ConfigError
from lightning_modules.adversarial import find_unused_parameters
from lightning_modules.ema import ExponentialAverage
from lightning_modules.schedules import alternating, exponential_decay, piecewise

AUGMENT = ("colour", "translation", "cutout")
METHODS = {
    "gan": {"r1": 1.0, "r1_every": 2},
    "wgan": {"weight_clip": None, "gradient_penalty": 10.0},
    "acgan": {"label_on_fake": True},
    "gan, relativistic": {"relativistic": True, "r1": 1.0, "r2": 1.0, "r1_every": 2, "augment": AUGMENT},
    "acgan, relativistic": {"relativistic": True, "r2": 1.0, "augment": AUGMENT, "generator_batches": 2},
}


def state(network: torch.nn.Module) -> list[torch.Tensor]:
    return [p.detach().clone() for p in network.parameters()]


def changed(before: list[torch.Tensor], network: torch.nn.Module) -> bool:
    return any(not torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("turn", ["discriminator", "generator"])
def test_a_phase_changes_its_own_parameters_and_no_others(
    make, make_update, make_batches, train_on, method: str, turn: str
) -> None:
    other = {"discriminator": "generator", "generator": "discriminator"}[turn]
    module = make(method.split(",")[0], **{other: make_update(repeat=0)}, **METHODS[method])
    networks = {name: getattr(module.network, name) for name in (turn, other)}
    before = {name: state(network) for name, network in networks.items()}
    train_on(module, make_batches(2))
    assert changed(before[turn], networks[turn])
    assert not changed(before[other], networks[other])


@pytest.mark.parametrize("method", METHODS)
def test_the_phases_partition_the_trainable_parameters(make, method: str) -> None:
    module = make(method.split(",")[0], ema=ExponentialAverage, **METHODS[method])
    owned = [id(p) for o in module.configure_optimizers() for g in o.param_groups for p in g["params"]]
    assert len(owned) == len(set(owned))
    assert set(owned) == {id(p) for p in module.parameters() if p.requires_grad}


@pytest.mark.parametrize("method", METHODS)
def test_no_gradient_and_no_graph_leaks_between_phases(make, make_batches, train_on, method: str) -> None:
    module = make(method.split(",")[0], **METHODS[method])
    seen = []

    def look(turn: str, loss, batch):
        mine, other = ("discriminator", "generator") if turn == "discriminator" else ("generator", "discriminator")
        assert all(p.requires_grad for p in getattr(module.network, mine).parameters())
        assert not any(p.requires_grad for p in getattr(module.network, other).parameters())
        assert all(p.grad is None for p in module.parameters())
        seen.append(turn)
        return loss(batch)

    for turn in ("discriminator", "generator"):
        setattr(module, f"{turn}_loss", functools.partial(look, turn, getattr(module, f"{turn}_loss")))
    graphs = []
    module.network.generator.register_forward_hook(lambda m, i, image: graphs.append(image.requires_grad))
    train_on(module, make_batches(2))
    assert seen == ["discriminator", "generator"] * 2
    assert (
        graphs[:-1] == [False, True] * 2
    )  # and one in validation: the discriminator's fakes have no graph; one forward each
    assert all(p.grad is None for p in module.parameters())
    assert all(p.requires_grad for p in module.network.parameters())


def generator_turns(module) -> list[int]:
    turns: list[int] = []
    loss = module.generator_loss
    module.generator_loss = lambda batch: (turns.append(module.iteration), loss(batch))[1]
    return turns


def test_n_critic_counts_on_over_epochs_and_a_resume(make, make_update, make_batches, train_on, tmp_path: Path) -> None:
    def five(**options):
        return make("wgan", generator=make_update(every=5), **options)

    whole = five()
    turns = generator_turns(whole)
    train_on(whole, make_batches(3), epochs=6)  # 18 iterations, no epoch is a multiple of five
    assert turns == [4, 9, 14]

    first = five()
    before = generator_turns(first)
    train_on(first, make_batches(3), epochs=3).save_checkpoint(tmp_path / "x.ckpt")
    second = five()
    after = generator_turns(second)
    train_on(second, make_batches(3), epochs=6, ckpt_path=tmp_path / "x.ckpt")
    assert before + after == [4, 9, 14]
    assert second.iteration == 18


def test_the_ratio_follows_a_schedule(make, make_update, make_batches, train_on) -> None:
    ratio = functools.partial(piecewise, milestones=[(0, 1), (4, 3)])
    module = make(generator=make_update(every=ratio))
    turns = generator_turns(module)
    train_on(module, make_batches(12))
    assert turns == [0, 1, 2, 3, 5, 8, 11]


def test_runs_of_one_network_alternate(make, make_update, make_batches, train_on) -> None:
    turn = functools.partial(alternating, period=2)
    module = make(
        discriminator=make_update(repeat=functools.partial(turn, values=[1, 0])),
        generator=make_update(repeat=functools.partial(turn, values=[0, 3])),
    )
    turns = generator_turns(module)
    train_on(module, make_batches(8))
    assert turns == [2] * 3 + [3] * 3 + [6] * 3 + [7] * 3


def test_the_learning_rate_of_each_phase_follows_its_schedule(make, make_update, make_batches, train_on) -> None:
    module = make(generator=make_update(lr_factor=functools.partial(exponential_decay, half_life=2)))
    trainer = train_on(module, make_batches(5))
    rates = [o.param_groups[0]["lr"] for o in trainer.optimizers]
    assert rates == pytest.approx([0.05, 0.05 * 0.5**2])  # the last iteration is number 4


def test_clip_bounds_the_step(make, make_update, make_batches, train_on) -> None:
    plain = functools.partial(torch.optim.SGD, lr=1.0)
    steps = {}
    for clip in (None, 1e-3):
        module = make(discriminator=make_update(optimizer=plain, clip=clip), generator=make_update(repeat=0))
        before = state(module.network.discriminator)
        train_on(module, make_batches(1))
        after = module.network.discriminator.parameters()
        steps[clip] = sum((a - b).square().sum() for a, b in zip(before, after, strict=True)).sqrt().item()
    assert steps[1e-3] == pytest.approx(1e-3, rel=1e-3)
    assert steps[None] > 1e-2


def test_accumulated_parts_make_the_same_step_as_the_whole_batch(make, make_update, make_batches, train_on) -> None:
    results = []
    for parts in (1, 2, 4):  # 6 images in parts of 6, 3, and 2
        module = make(discriminator=make_update(accumulate=parts), generator=make_update(repeat=0))
        module.eval()  # the generator's batch norm would see smaller batches
        module._noise = lambda count: torch.ones(count, 4)
        train_on(module, make_batches(1))
        results.append(state(module.network.discriminator))
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_bf16_trains_and_stays_finite(make, make_batches, train_on, method: str) -> None:
    module = make(method.split(",")[0], **METHODS[method])
    before = state(module.network.generator)
    train_on(module, make_batches(3), precision="bf16-mixed")
    assert changed(before, module.network.generator)
    assert all(p.isfinite().all() and p.dtype == torch.float32 for p in module.network.parameters())


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ({"gradient_clip_val": 1.0}, "model.generator.clip"),
        ({"accumulate_grad_batches": 2}, "model.generator.accumulate"),
    ],
)
def test_what_manual_optimization_cannot_do_is_refused_with_what_to_set_instead(make, option, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        make().check_trainer(pl.Trainer(logger=False, accelerator="cpu", enable_checkpointing=False, **option))


def test_lightning_hands_the_option_for_unused_parameters_to_ddp() -> None:
    """Where this fails, Lightning has closed the private attribute that `find_unused_parameters` sets."""
    strategy, asked = DDPStrategy(), DDPStrategy(find_unused_parameters=True)
    find_unused_parameters(strategy)
    assert vars(strategy)["_ddp_kwargs"] == vars(asked)["_ddp_kwargs"] == {"find_unused_parameters": True}


def test_check_trainer_sets_it_for_ddp_that_lightning_chose(make) -> None:
    trainer = pl.Trainer(logger=False, accelerator="cpu", devices=2, enable_checkpointing=False)
    make().check_trainer(trainer)
    assert isinstance(trainer.strategy, DDPStrategy)
    assert vars(trainer.strategy)["_ddp_kwargs"]["find_unused_parameters"]


def test_a_gradient_scaler_is_refused(make) -> None:
    trainer = pl.Trainer(logger=False, accelerator="cpu", enable_checkpointing=False)
    trainer.strategy.precision_plugin.precision = "16-mixed"
    with pytest.raises(ConfigError, match="bf16-mixed"):
        make().check_trainer(trainer)
