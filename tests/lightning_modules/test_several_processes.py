"""Two processes (DDP over gloo) take the same steps as one with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

WORKER = Path(__file__).with_name("two_processes.py")


def trained(method: str, processes: int, file: Path) -> dict:
    command = [sys.executable, str(WORKER), method, str(processes), str(file)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("method", ["gan", "wgan", "wgan_gp", "acgan", "vae", "dann", "adda"])
def test_two_processes_equal_one_with_the_doubled_batch(method: str, tmp_path: Path) -> None:
    one, two = (trained(method, n, tmp_path / f"{n}.pt") for n in (1, 2))
    assert one["iteration"] == two["iteration"] == 12
    names = [name for name, value in one["weights"].items() if isinstance(value, torch.Tensor)]
    assert len(names) >= 8
    for name in names:
        torch.testing.assert_close(two["weights"][name], one["weights"][name], rtol=1e-4, atol=1e-5)
