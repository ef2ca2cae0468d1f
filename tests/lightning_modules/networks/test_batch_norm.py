"""Batch norm with statistics of each domain, or of each batch."""

import contextlib

import pytest
import pytorch_lightning as pl
import torch
from torch import nn

from adversaria.config.errors import ConfigError
from lightning_modules.checks import check_synchronised
from lightning_modules.networks.batch_norm import (
    BATCH_NORMS,
    batch_statistics,
    split_statistics,
    statistics_of,
)


def test_every_batch_norm_of_pytorch_is_known() -> None:
    """Where this fails, PyTorch has a kind of batch norm that `BATCH_NORMS` lacks."""
    names = [name for name in dir(nn) if "BatchNorm" in name and "Lazy" not in name]  # a lazy one becomes its kind
    kinds = [getattr(nn, name) for name in names]
    assert len(kinds) >= 4
    assert all(issubclass(kind, BATCH_NORMS) for kind in kinds)


def test_other_norms_are_left_alone() -> None:
    network = nn.Sequential(nn.InstanceNorm2d(3, affine=True, track_running_stats=True), nn.GroupNorm(1, 3)).eval()
    with batch_statistics(network):
        assert not any(m.training for m in network)
    split_statistics(network)
    assert [type(m) for m in network] == [nn.InstanceNorm2d, nn.GroupNorm]


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.BatchNorm2d])
def test_split_statistics_are_the_layer_itself_for_the_source(kind: type) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(kind(3))
    input = torch.randn(8, 3) if kind is nn.BatchNorm1d else torch.randn(8, 3, 4, 4)
    network(input)
    plain = network[0]
    split_statistics(network)
    assert isinstance(network[0], kind)
    assert network.state_dict().keys() == {
        *(f"0.{name}" for name in plain.state_dict()),
        *("0.target_mean", "0.target_var"),
    }
    for module in (plain, network[0]):
        module(input)
    for name, value in plain.state_dict().items():
        assert torch.equal(network.state_dict()[f"0.{name}"], value)
    assert torch.equal(plain.eval()(input), network[0].eval()(input))
    assert not network[0].target_mean.any()


def test_the_domain_is_put_back_also_where_contexts_are_nested() -> None:
    network = nn.Sequential(nn.BatchNorm1d(1))
    split_statistics(network)
    with torch.no_grad():
        network[0].target_mean.fill_(5.0)
    network.eval()
    input, seen = torch.zeros(1, 1), []
    with statistics_of("target"):
        with contextlib.suppress(KeyError), statistics_of("source"):
            seen.append(network(input).item())
            raise KeyError
        seen.append(network(input).item())
    seen.append(network(input).item())
    assert seen == pytest.approx([0, -5, 0], abs=1e-3)


def test_synchronised_batch_norm_with_statistics_of_each_domain_is_refused() -> None:
    """Where nothing is raised, Lightning has closed the private attribute that `check_synchronised` reads."""
    network = nn.Sequential(nn.BatchNorm2d(3))
    split_statistics(network)
    trainer = pl.Trainer(strategy="ddp", devices=2, accelerator="cpu", sync_batchnorm=True, logger=False)
    with pytest.raises(ConfigError, match=r"trainer\.sync_batchnorm=true: .* set trainer\.sync_batchnorm=false, or"):
        check_synchronised(trainer, network)


def test_synchronised_batch_norm_on_a_cpu_is_refused() -> None:
    trainer = pl.Trainer(strategy="ddp", devices=2, accelerator="cpu", sync_batchnorm=True, logger=False)
    with pytest.raises(ConfigError, match="on GPUs only"):
        check_synchronised(trainer, nn.Sequential(nn.BatchNorm2d(3)))


def test_one_process_has_nothing_to_synchronise() -> None:
    network = nn.Sequential(nn.BatchNorm2d(3))
    split_statistics(network)
    check_synchronised(pl.Trainer(accelerator="cpu", sync_batchnorm=True, logger=False), network)
