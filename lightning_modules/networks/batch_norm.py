"""Batch norm with statistics of each domain, or of each batch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from adversaria.config.types import Domain

#: All kinds of batch norm; PyTorch's class that they share is private.
BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


@contextlib.contextmanager
def batch_statistics(network: nn.Module) -> Iterator[None]:
    """Let batch norm use the statistics of each batch, as in training, and leave its running statistics as they are.

    A discriminator sees real and generated images in separate batches; its running statistics are a mixture of both
    and fit neither.
    """
    layers = [m for m in network.modules() if isinstance(m, BATCH_NORMS)]
    before = [(layer.training, layer.track_running_stats) for layer in layers]
    for layer in layers:
        layer.train()
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer, (training, tracked) in zip(layers, before, strict=True):
            layer.training, layer.track_running_stats = training, tracked


def judged(discriminator: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return a domain discriminator's logits of both domains, from one pass.

    In a pass of each domain, batch norm would take away the domain's mean, by which it can be told.
    """
    of_source, of_target = discriminator(torch.cat([source, target])).split([len(source), len(target)])
    return of_source, of_target


def keep_statistics(network: nn.Module) -> None:
    """Let every batch norm of a network use its running statistics, and leave them as they are, until it is trained."""
    if not network.training:  # done before: to walk through the network in each step took a hundredth of a small one
        return
    for layer in network.modules():
        if isinstance(layer, BATCH_NORMS):
            layer.eval()
    network.training = False  # of the network itself, not of its other layers; `train` sets it again


class _DomainStatistics(nn.Module):
    """Running statistics of each domain: the usual buffers are the source's. Mixed into a class of batch norm.

    The domain is a class attribute, set by `statistics_of` for the time of a forward pass: to set it in each layer,
    found by walking through the network, took a tenth of a small step, and a program that `torch.export` traces
    strictly cannot set a context variable.
    """

    domain: Domain = "source"
    momentum: float | None
    eps: float
    weight: nn.Parameter
    bias: nn.Parameter
    target_mean: Tensor
    target_var: Tensor

    def __init__(self, layer: nn.BatchNorm1d | nn.BatchNorm2d) -> None:
        super().__init__(layer.num_features, layer.eps, layer.momentum, layer.affine)
        self.load_state_dict(layer.state_dict())
        self.register_buffer("target_mean", torch.zeros(layer.num_features))
        self.register_buffer("target_var", torch.ones(layer.num_features))

    def forward(self, input: Tensor) -> Tensor:
        if _DomainStatistics.domain == "source":
            normalised: Tensor = super().forward(input)
            return normalised
        kept = not self.training or self.track_running_stats
        statistics: tuple[Any, Any] = (self.target_mean, self.target_var) if kept else (None, None)
        momentum = 0.1 if self.momentum is None else self.momentum
        return functional.batch_norm(input, *statistics, self.weight, self.bias, self.training, momentum, self.eps)


class DomainBatchNorm1d(_DomainStatistics, nn.BatchNorm1d):
    """Batch norm of (n, c) features with running statistics of each domain."""


class DomainBatchNorm2d(_DomainStatistics, nn.BatchNorm2d):
    """Batch norm of (n, c, h, w) images with running statistics of each domain."""


def split_statistics(network: nn.Module) -> None:
    """Give every batch norm of a network running statistics of its own for the target (Chang et al. 2019, DSBN)."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.BatchNorm1d):
                setattr(parent, name, DomainBatchNorm1d(layer))
            elif isinstance(layer, nn.BatchNorm2d):
                setattr(parent, name, DomainBatchNorm2d(layer))


@contextlib.contextmanager
def statistics_of(domain: Domain) -> Iterator[None]:
    """Let layers with statistics of each domain use those of this domain, and update them in training."""
    before, _DomainStatistics.domain = _DomainStatistics.domain, domain
    try:
        yield
    finally:
        _DomainStatistics.domain = before
