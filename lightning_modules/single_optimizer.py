"""The base of methods with one optimizer, under Lightning's automatic optimization."""

from __future__ import annotations

import abc
from typing import Any

import torch
from torch import Tensor, nn

from adversaria.config.types import Batch
from lightning_modules.base import BaseModule, OptimizerFactory


class SingleOptimizerModule(BaseModule):
    """Minimises the `loss` that a method returns.

    Args:
        network: the network to train.
        optimizer: factory of the optimizer, given the parameters.
    """

    network: nn.Module

    def __init__(self, network: nn.Module, optimizer: OptimizerFactory) -> None:
        super().__init__()
        self.network = network
        self._optimizer = optimizer

    @abc.abstractmethod
    def loss(self, batch: Batch) -> Tensor:
        """Record the parts of the training loss of a batch, and return it."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return the optimizer over all parameters."""
        return self._optimizer(self.network.parameters())

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the loss of a batch. Where steps are recorded, the gradients are computed too, in the same graph."""
        if self.replayer is None:
            return self.loss(batch)
        loss: Tensor = self.run_step("loss", self._loss_and_gradients, batch, self.network)
        return loss

    def _loss_and_gradients(self, batch: Batch) -> Tensor:
        loss = self.loss(batch)
        with torch.autocast(self.device.type, enabled=False):  # Lightning calls backward outside of autocast too
            loss.backward()
        return loss.detach()

    def optimizer_zero_grad(self, *arguments: Any, **options: Any) -> None:
        """Clear the gradients, but not those that the training step has just computed."""
        if self.replayer is None:
            super().optimizer_zero_grad(*arguments, **options)

    def backward(self, *arguments: Any, **options: Any) -> None:
        """Compute the gradients, unless the training step has."""
        if self.replayer is None:
            super().backward(*arguments, **options)
