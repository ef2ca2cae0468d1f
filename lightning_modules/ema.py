"""An exponential moving average of a network's weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from adversaria.config.types import NonNegative, Positive


class ExponentialAverage(nn.Module):
    """The average of a network's weights over the images it was trained on. Checkpoints hold it as part of the module.

    The half-life counts training images, so it means the same at every batch size. Early in the training it is at most
    `ramp_up` times the images seen so far, so that the average forgets the first weights soon (Karras et al. 2020,
    `ema_rampup`). Buffers, such as the running statistics of batch norm, are copied.

    `torch.optim.swa_utils.AveragedModel` is not used: it reads a counter from the device twice in each update, where a
    GPU would have to wait, and its first update copies the weights instead of averaging them.

    Args:
        network: the network to follow.
        half_life: images after which a weight's influence has halved.
        ramp_up: upper bound of the half-life as a share of the images seen; 0 for none.
    """

    def __init__(self, network: nn.Module, half_life: Positive = 10_000.0, ramp_up: NonNegative = 0.05) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self.half_life, self.ramp_up = half_life, ramp_up

    @torch.no_grad()
    def update(self, network: nn.Module, new: int, seen: int) -> None:
        """Move towards the weights of `network`, trained on `new` images since the last update, on `seen` in all."""
        half_life = min(self.half_life, self.ramp_up * seen) if self.ramp_up else self.half_life
        decay = 0.5 ** (new / max(half_life, 1e-6))
        ours, theirs = ([p.data for p in module.parameters()] for module in (self.network, network))
        get_ema_multi_avg_fn(decay)(ours, theirs, 0)
        for mine, other in zip(self.network.buffers(), network.buffers(), strict=True):
            mine.copy_(other)

    def train(self, mode: bool = True) -> ExponentialAverage:
        """Stay in evaluation mode: the average is never trained."""
        return super().train(False)

    def forward(self, *inputs: Any) -> Tensor:
        """Apply the averaged network."""
        output: Tensor = self.network(*inputs)
        return output
