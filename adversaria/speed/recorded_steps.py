"""Steps of the training recorded in CUDA graphs: one launch in the place of hundreds.

A GPU computes a step of these networks in less time than it takes to launch its kernels one by one. A graph launches
them at once: the same kernels with the same random numbers, so bit for bit the same result.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from adversaria.config.errors import ConfigError, first_line
from adversaria.config.types import Batch

NUMBERS = 1024  # that may change, of one step
WARM_UP = 3  # steps before a recording: PyTorch's libraries allocate what they need in the first ones


class Recording:
    """A recorded step: its graph, what it reads, and what it leaves behind.

    Args:
        batch: what it is recorded on; each replay copies its own batch there.
    """

    def __init__(self, batch: Batch) -> None:
        self.graph = torch.cuda.CUDAGraph()
        self.batch = {key: value.clone() for key, value in batch.items()}
        self.result: Any = None
        self.gradients: list[tuple[nn.Parameter, Tensor]] = []
        self.scalars: list[tuple[str, dict[str, Any], int]] = []
        # from outside the recording: memory from within may have had another use earlier in the same step
        self._places = torch.zeros(NUMBERS, device=next(iter(batch.values())).device)
        self._numbers: dict[Tensor, Callable[[], float]] = {}

    def number(self, value: Callable[[], float]) -> Tensor:
        """Return a place on the device for a number that each replay asks for anew."""
        place = self._places[len(self._numbers)]
        self._numbers[place] = value
        return place

    def record(self, stage: str, values: Mapping[str, Tensor | float], count: int) -> None:
        """Note scalars that each replay leaves behind.

        Raises:
            TypeError: one is a plain number, which would stay what it is now.
        """
        left: dict[str, Any] = {}
        for name, value in values.items():
            if not isinstance(value, Tensor):
                raise TypeError(f"{name} is a plain number in a step that is recorded; get it from self.changing")
            left[name] = self._numbers.get(value) or value.detach()
        self.scalars.append((stage, left, count))

    def replay(self, batch: Batch) -> None:
        """Compute result, gradients and scalars of a batch."""
        for key, value in batch.items():
            self.batch[key].copy_(value)
        for place, number in self._numbers.items():
            place.fill_(number())
        self.graph.replay()
        for parameter, gradient in self.gradients:
            parameter.grad = gradient


class GraphReplayer:
    """Computes the first steps as they come, and from then on replays a recording.

    There is one for each course that a step can take, and for each shape of batches.

    Args:
        device: a GPU.
        record: is given the scalars of a replayed step.
    """

    def __init__(
        self, device: torch.device, record: Callable[[str, Mapping[str, Any], int], None] = lambda *_: None
    ) -> None:
        self.recording: Recording | None = None  # that is being made
        self._record = record
        self._stream, self._pool = torch.cuda.Stream(device), torch.cuda.graph_pool_handle()
        self._steps: Counter[Hashable] = Counter()
        self._recordings: dict[Hashable, Recording] = {}

    def run(
        self, course: Hashable, compute: Callable[[Batch], Any], batch: Batch, network: nn.Module | None = None
    ) -> Any:
        """Return `compute(batch)`, which may compute the gradients of a network's parameters too.

        Args:
            course: what decides, beside the batch's shapes, which operations it consists of.
            compute: returns tensors without a graph, or None; those of a replay are overwritten by the next.
            batch: of the step.
            network: has the parameters.

        Raises:
            ConfigError: it cannot be recorded.
        """
        key = (course, *((name, value.shape, value.dtype) for name, value in batch.items()))
        if key not in self._recordings:
            parameters = list(network.parameters()) if network is not None else []
            for parameter in parameters:
                parameter.grad = None
            self._steps[key] += 1
            if self._steps[key] <= WARM_UP:
                return self._beside(compute, batch)
            self._recordings[key] = self._recorded(compute, batch, parameters)
        recording = self._recordings[key]
        recording.replay(batch)
        for stage, values, count in recording.scalars:
            self._record(stage, {k: v() if callable(v) else v for k, v in values.items()}, count)
        return recording.result

    def _beside(self, compute: Callable[[Batch], Any], batch: Batch) -> Any:
        """Compute a step on the stream that is recorded from, since autograd remembers on which one it was."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            result = compute(batch)
        torch.cuda.current_stream().wait_stream(self._stream)
        return result

    def _recorded(self, compute: Callable[[Batch], Any], batch: Batch, parameters: list[nn.Parameter]) -> Recording:
        self.recording = recording = Recording(batch)
        # other threads, of loggers, may go on using the device
        capture = torch.cuda.graph(recording.graph, self._pool, self._stream, capture_error_mode="thread_local")
        try:
            with capture:
                recording.result = compute(recording.batch)
        except (RuntimeError, TypeError, IndexError) as error:
            raise ConfigError(
                f"performance.cuda_graphs=true: this step cannot be recorded ({first_line(error)}); set it to false"
            ) from error
        finally:
            self.recording = None
        recording.gradients = [(p, p.grad) for p in parameters if p.grad is not None]
        return recording
