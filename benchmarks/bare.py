"""Bare training loops over the networks of a configuration, and their speed.

Normalised batches are in memory, nothing is logged, and options that the loops do not implement must not be set.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

import torch
from torch import Tensor

from adversaria.config.types import Batch
from adversaria.speed.settings import keep_memory
from benchmarks.bare_steps import Settings, Step, step_of
from benchmarks.systems import images_in_a_step
from datamodules.labels import label_sizes


def images_per_second(
    config: dict[str, Any], steps: int, settings: Settings = "tuned", device: str = "cpu", warm_up: int = 1
) -> float:
    """Train a configuration's networks for `steps` steps; return images a second after the first `warm_up` steps."""
    if settings != "plain":
        keep_memory()
    torch.manual_seed(0)
    step = step_of(config, settings, device)
    batches = [batch_of(config, settings, device) for _ in range(4)]
    if settings == "graphed":
        step = recorded(step, batches[0], config["model"].get("generator", {}).get("every", 1))
    start = 0.0
    for number, batch in zip(range(steps), itertools.cycle(batches), strict=False):
        step(batch)
        if number + 1 == warm_up:
            start = _now(device)
    return images_in_a_step(config) * (steps - warm_up) / (_now(device) - start)


def recorded(step: Step, batch: Batch, period: int) -> Step:
    """Record `period` steps on one batch in a CUDA graph; return the step that replays it when they are due."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):  # PyTorch requires steps on a side stream before a recording
        for _ in range(3 * period):
            step(batch)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(period):
            step(batch)
    numbers = itertools.count(1)

    def replay(new: Batch) -> None:
        for key, value in new.items():
            batch[key].copy_(value)
        if next(numbers) % period == 0:
            graph.replay()

    return replay


def batch_of(config: dict[str, Any], settings: Settings = "tuned", device: str = "cpu") -> Batch:
    """Return a random normalised batch of a configuration, in the memory layout of the loop."""
    data, labels = config["data"], config["model"]["network"].get("labels") or []

    def image() -> Tensor:
        values = torch.rand(data["batch_size"], 3, data["image_size"], data["image_size"], device=device) * 2 - 1
        return values if settings == "plain" else values.contiguous(memory_format=torch.channels_last)

    if "sets" in data:
        return {"source": image(), "target": image(), "labels": torch.arange(data["batch_size"], device=device) % 10}
    columns = [torch.randint(size, (data["batch_size"],), device=device) for size in label_sizes(labels)]
    return {"image": image(), **({"labels": torch.stack(columns, 1)} if columns else {})}


def _now(device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
