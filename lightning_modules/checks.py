"""Checks that network, data and method fit each other, before anything heavy starts."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
from torch import nn

from adversaria.config.errors import ConfigError
from datamodules.preflight import check_fit
from lightning_modules.networks.batch_norm import BATCH_NORMS, DomainBatchNorm1d, DomainBatchNorm2d


def check_network(network: Any, kind: type, method: str) -> None:
    """Raise a ConfigError unless a method was given a network of its own kind."""
    if not isinstance(network, kind):
        raise ConfigError(
            f"model.network: {type(network).__name__} is not a {kind.__name__}, which {method} needs; choose another "
            "with model/network=NAME (see --help)"
        )


def check_labels(network: Any, conditional: bool, method: str) -> None:
    """Raise a ConfigError unless a network has labels where its method is conditional, and none elsewhere."""
    if bool(network.labels) != conditional:
        needs = "needs labels, e.g. [Smiling] for faces, [digit] for digits" if conditional else "has no labels"
        raise ConfigError(f"model.network.labels={network.labels}: {method} {needs}")


def check_data(datamodule: Any, module: Any) -> None:
    """Check that the data fits a module, and find the module's labels in it.

    Raises:
        ConfigError: another image size or value range; one data set where the method needs two, or the reverse; a label
            that the data lacks, or one of other classes.
    """
    needs = {key: getattr(module, key, None) for key in ("needs_domain_pair", "image_size", "value_range")}
    have = {key: getattr(datamodule, key, None) for key in ("image_size", "value_range")}
    check_fit(hasattr(datamodule, "domains"), have, needs, type(module).__name__)
    if module.label_columns is not None:
        module.label_columns.find(datamodule)


def check_stages(epochs: int, discriminator: nn.Module, trainer: pl.Trainer) -> None:
    """Check that epochs are left after those of pretraining, and that a domain discriminator can then see means.

    Raises:
        ConfigError: there are none; or it has batch norm, although the encoder is trained on the target alone.
    """
    if epochs >= (trainer.max_epochs or 1):
        raise ConfigError(
            f"trainer.max_epochs={trainer.max_epochs}: {epochs} of them pretrain on the source, and none is left for "
            "the adaptation; raise it, or lower model.pretrain_epochs"
        )
    if any(isinstance(layer, BATCH_NORMS) for layer in discriminator.modules()):
        raise ConfigError(
            "model.domain_discriminator.batch_norm=true: ADDA's encoder is trained on features of the target alone, "
            "whose mean batch norm would take away; leave it false"
        )


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
