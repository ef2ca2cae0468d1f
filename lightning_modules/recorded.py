"""Steps of a method that are recorded in CUDA graphs and replayed; see `adversaria.speed.recorded_steps`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from torch import Tensor, nn

from adversaria.config.types import Batch
from adversaria.speed.recorded_steps import GraphReplayer, can_record
from lightning_modules.scalars import ScalarLogging


class RecordedSteps(ScalarLogging):
    """Runs steps, or replays them from CUDA graphs.

    Attributes:
        recordable: whether steps may be recorded. Such a step reads no value from the device, and takes numbers that
            change from step to step from `dynamic_scalar`. Not inherited: each subclass must say it for itself.
        cuda_graphs: record steps where that is possible.
        replayer: records and replays steps during the fit; None if they are computed one by one.
    """

    recordable = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.recordable = cls.__dict__.get("recordable", False)

    def __init__(self) -> None:
        super().__init__()
        self.cuda_graphs = False
        self.replayer: GraphReplayer | None = None

    def start_recording(self) -> None:
        """Record steps from now on, if that is wanted and possible."""
        record = self.cuda_graphs and self.recordable and can_record(self.trainer, self.device)
        self.replayer = GraphReplayer(self.device, self.record) if record else None

    def stop_recording(self) -> None:
        """Forget the recorded steps and free their memory."""
        self.replayer = None

    def run_step(self, graph_key: Hashable, compute: Callable[[Batch], Any], batch: Batch, network: nn.Module) -> Any:
        """Return `compute(batch)`, replayed where steps are recorded; see `GraphReplayer.run`."""
        return compute(batch) if self.replayer is None else self.replayer.run(graph_key, compute, batch, network)

    def dynamic_scalar(self, compute: Callable[[], float]) -> float | Tensor:
        """Return a number that changes from step to step, as a tensor that replays update where a step is recorded."""
        recording = self.replayer and self.replayer.recording
        return recording.dynamic_scalar(compute) if recording else compute()

    def record(self, stage: str, values: Mapping[str, Tensor | float], count: int = 1) -> None:
        """Add values to the running averages `<stage>/<name>`, weighted with `count`; in each replay too."""
        if self.replayer is not None and self.replayer.recording is not None:
            self.replayer.recording.record(stage, values, count)
        else:
            super().record(stage, values, count)
