"""Training steps recorded in CUDA graphs: one launch replaces hundreds.

A GPU computes a step of these networks in less time than it takes to launch its kernels one by one. A graph launches
all of them at once. They are the same kernels with the same random numbers, so the result is the same bit for bit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from adversaria.config.errors import ConfigError, first_line
from adversaria.config.types import Batch
from adversaria.speed.settings import is_empty

if TYPE_CHECKING:
    import pytorch_lightning as pl

MAX_DYNAMIC_SCALARS = 1024  # of one step
WARM_UP = 3  # steps before a recording: PyTorch's libraries allocate what they need in the first ones


class Recording:
    """A recorded step: its graph, the tensors it reads, and the tensors it writes.

    Args:
        batch: the step is recorded on a copy of it; each replay copies its own batch into the same memory.
    """

    def __init__(self, batch: Batch) -> None:
        self.graph = torch.cuda.CUDAGraph()
        self.batch = {key: value.clone() for key, value in batch.items()}
        self.result: Any = None
        self.gradients: list[tuple[nn.Parameter, Tensor]] = []
        self.scalars: list[tuple[str, dict[str, Any], int]] = []
        # allocated before the recording: the graph may use memory of its own for something else earlier in the step
        self._values = torch.zeros(MAX_DYNAMIC_SCALARS, device=next(iter(batch.values())).device)
        self._dynamic_scalars: dict[Tensor, Callable[[], float]] = {}

    def dynamic_scalar(self, compute: Callable[[], float]) -> Tensor:
        """Return a tensor without dimensions that each replay first sets to what `compute` returns then."""
        tensor = self._values[len(self._dynamic_scalars)]
        self._dynamic_scalars[tensor] = compute
        return tensor

    def record(self, stage: str, values: Mapping[str, Tensor | float], count: int) -> None:
        """Remember scalars of the step; each replay logs their new values.

        Raises:
            TypeError: a scalar is a Python number, which replays could not change.
        """
        kept: dict[str, Any] = {}
        for name, value in values.items():
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"{name} is a Python number, which stays the same in a recorded step; wrap it in "
                    "self.dynamic_scalar(lambda: ...)"
                )
            kept[name] = self._dynamic_scalars.get(value) or value.detach()
        self.scalars.append((stage, kept, count))

    def replay(self, batch: Batch) -> None:
        """Compute the result, the gradients and the scalars of a batch."""
        for key, value in batch.items():
            self.batch[key].copy_(value)
        for tensor, compute in self._dynamic_scalars.items():
            tensor.fill_(compute())
        self.graph.replay()
        for parameter, gradient in self.gradients:
            parameter.grad = gradient


class GraphReplayer:
    """Computes the first steps normally, then records one and replays it from there on.

    It keeps one graph for each code path and batch shape.

    Args:
        device: a GPU.
        record: called with the scalars of each replayed step.
    """

    def __init__(
        self, device: torch.device, record: Callable[[str, Mapping[str, Any], int], None] = lambda *_: None
    ) -> None:
        self.recording: Recording | None = None  # the one that is being made now
        self._device, self._record = device, record
        self._stream, self._pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()
        self._steps: Counter[Hashable] = Counter()
        self._recordings: dict[Hashable, Recording] = {}

    def run(
        self, graph_key: Hashable, compute: Callable[[Batch], Any], batch: Batch, network: nn.Module | None = None
    ) -> Any:
        """Return `compute(batch)`, which may also compute the gradients of a network's parameters.

        Args:
            graph_key: names the code path: steps with the same key and batch shapes must run the same operations.
            compute: returns tensors without autograd history, or None. The next replay overwrites the tensors.
            batch: of the step.
            network: the network whose gradients are computed.

        Raises:
            ConfigError: the step cannot be recorded.
        """
        key = (graph_key, *((name, value.shape, value.dtype) for name, value in batch.items()))
        if key not in self._recordings:
            parameters = list(network.parameters()) if network is not None else []
            for parameter in parameters:
                parameter.grad = None
            self._steps[key] += 1
            if self._steps[key] <= WARM_UP:
                return self._compute_on_stream(compute, batch)
            self._recordings[key] = self._capture(compute, batch, parameters)
        recording = self._recordings[key]
        recording.replay(batch)
        for stage, values, count in recording.scalars:
            self._record(stage, {k: v() if callable(v) else v for k, v in values.items()}, count)
        return recording.result

    def _compute_on_stream(self, compute: Callable[[Batch], Any], batch: Batch) -> Any:
        """Compute a step on the stream that records later: autograd remembers the stream of each parameter."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            result = compute(batch)
        torch.cuda.current_stream().wait_stream(self._stream)
        return result

    def _capture(self, compute: Callable[[Batch], Any], batch: Batch, parameters: list[nn.Parameter]) -> Recording:
        self.recording = recording = Recording(batch)
        # thread_local: other threads, as those of loggers, may use the device during the recording
        capture = torch.cuda.graph(recording.graph, self._pool, self._stream, capture_error_mode="thread_local")
        try:
            # the outer context brings the stream back, which PyTorch's own leaves where it cannot end a recording
            with torch.cuda.stream(torch.cuda.current_stream(self._device)), capture:
                recording.result = compute(recording.batch)
        except BaseException as error:
            recording.graph.reset()
            renew_generator(self._device)
            if not isinstance(error, RuntimeError | TypeError | IndexError):
                raise
            # an error of the end only says that there was one before, which is the one to read
            cause = error.__context__ if isinstance(error.__context__, RuntimeError) else error
            raise ConfigError(
                f"performance.cuda_graphs=true: this step cannot be recorded ({first_line(cause)}); "
                "set performance.cuda_graphs=false"
            ) from error
        finally:
            self.recording = None
        recording.gradients = [(p, p.grad) for p in parameters if p.grad is not None]
        return recording


def renew_generator(device: torch.device) -> None:
    """Give a GPU's generator of random numbers a state of its own, with the same seed and the same next number.

    Up to PyTorch 2.11 at least, a recording that fails leaves the state as if it were still being recorded, and every
    later random number of the process would end in "Offset increment outside graph capture".
    """
    index = torch.cuda.current_device() if device.index is None else device.index
    generator = torch.cuda.default_generators[index]
    fresh = torch.Generator(torch.device("cuda", index))
    fresh.set_state(generator.get_state())
    generator.graphsafe_set_state(fresh)


def can_record(trainer: pl.Trainer, device: torch.device) -> bool:
    """Tell whether training steps can be recorded under these options: on a GPU, alone, without hooks in the step."""
    alone = trainer.world_size == trainer.accumulate_grad_batches == 1
    plain = not torch.is_anomaly_enabled() and trainer.precision != "16-mixed"
    callbacks: list[pl.Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set outside its class body
    return device.type == "cuda" and alone and plain and not any(map(_needs_each_step, callbacks))


def _needs_each_step(callback: pl.Callback) -> bool:
    """Tell whether a callback has hooks that a replay does not call, or changes the optimizer or the weights."""
    import pytorch_lightning as pl

    changes = ("GradientAccumulationScheduler", "ModelPruning", "StochasticWeightAveraging")
    hooks = ("on_before_backward", "on_after_backward")
    return isinstance(callback, tuple(getattr(pl.callbacks, name) for name in changes)) or not all(
        is_empty(hook, callback, pl.Callback) for hook in hooks
    )
