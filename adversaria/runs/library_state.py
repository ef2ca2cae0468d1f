"""What a run changes in Python, NumPy, torch and Lightning, and what it leaves as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from adversaria.runs import random_state, terminal
from adversaria.runs.quieten import quiet


@contextlib.contextmanager
def for_a_run() -> Iterator[None]:
    """Hide expected warnings while a run goes on; then all generators and switches are as they were before it.

    A GPU that was not used before gets the seed of the CPU's generator, which is what `torch.manual_seed` gives it.
    """
    cpu, seed = torch.device("cpu"), torch.initial_seed()
    generators = random_state.capture(cpu)
    gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    cudnn = torch.backends.cudnn
    switches = cudnn.benchmark, cudnn.deterministic
    precision = torch.get_float32_matmul_precision()
    deterministic = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    try:
        with quiet():
            yield
    finally:
        random_state.restore(generators, cpu)
        if gpus is None:
            torch.cuda.manual_seed_all(seed)
        else:
            torch.cuda.set_rng_state_all(gpus)
        cudnn.benchmark, cudnn.deterministic = switches
        if torch.get_float32_matmul_precision() != precision:
            torch.set_float32_matmul_precision(precision)
        terminal.clear()
        torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
