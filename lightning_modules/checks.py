"""Checks that network, data and method fit each other, before anything heavy starts."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from torch import nn

from adversaria.config.errors import ConfigError
from lightning_modules.networks.batch_norm import DomainBatchNorm1d, DomainBatchNorm2d


def check_network(network: Any, kind: type, method: str) -> None:
    """Raise a ConfigError unless a method was given a network of its own kind."""
    if not isinstance(network, kind):
        raise ConfigError(
            f"model.network: {type(network).__name__} is not a {kind.__name__}, which {method} needs; choose another "
            "with model/network=NAME (see --help)"
        )


def check_data(datamodule: Any, module: Any) -> None:
    """Check that the data fits a module.

    Raises:
        ConfigError: another image size or value range; one data set where the method needs two, or the reverse.
    """
    pair: bool = module.needs_domain_pair
    if hasattr(datamodule, "domains") != pair:
        needs = "a pair of digit sets, e.g. data=usps_mnistm" if pair else "one data set, e.g. data=mnistm"
        raise ConfigError(f"data: {type(module).__name__} needs {needs}")
    for key in ("value_range", "image_size"):
        have, want = getattr(datamodule, key, None), getattr(module, key, None)
        if have is not None and want is not None and have != want:
            have, want = (f"[{v[0]:g}, {v[1]:g}]" if isinstance(v, tuple) else v for v in (have, want))
            raise ConfigError(f"data.{key}={have}: this network's images have {key} {want}; set data.{key}={want}")


def check_synchronised(trainer: pl.Trainer, module: nn.Module) -> None:
    """Check that batch norms can be made one over all processes, where `trainer.sync_batchnorm` says so.

    PyTorch replaces each by its `SyncBatchNorm`, which knows no statistics of single domains, and needs GPUs. Lightning
    has no public way to ask for the option; the tests notice if the private attribute is gone.

    Raises:
        ConfigError: they cannot.
    """
    if getattr(trainer.strategy, "_layer_sync", None) is None:  # not set, or a single process, which it does not change
        return
    if any(isinstance(layer, DomainBatchNorm1d | DomainBatchNorm2d) for layer in module.modules()):
        raise ConfigError(
            "trainer.sync_batchnorm=true: PyTorch cannot share batch statistics that are those of each domain; set "
            "trainer.sync_batchnorm=false, or model.batch_norm=separate, whose running statistics are of both domains"
        )
    if trainer.strategy.root_device.type == "cpu":
        raise ConfigError("trainer.sync_batchnorm=true: PyTorch can do it on GPUs only; leave it out on a CPU")
