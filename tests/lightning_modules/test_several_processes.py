"""Two processes (DDP over gloo) take the same steps as one with the whole batch."""

import socket
from pathlib import Path

import pytest
import torch
from support import warm

WORKER = Path(__file__).with_name("two_processes.py")
pytestmark = pytest.mark.xdist_group("warm processes")  # one server of them
METHODS = ["gan", "r3gan", "wgan", "wgan_gp", "acgan", "vae", "dann", "adda"]


def start(folder: Path, processes: int, **environment: str) -> warm.Script:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        return warm.Script(WORKER, (str(processes), str(folder), *METHODS), folder)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights of each method, trained by one process and by two."""
    folder = tmp_path_factory.mktemp("trained")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "WORLD_SIZE": "2"}
    pair = [start(folder, 2, **place, LOCAL_RANK=rank, NODE_RANK="0") for rank in ("0", "1")]
    for process in [start(folder, 1), *pair]:
        output, _ = process.communicate(timeout=200)
        assert process.returncode == 0, output
    return folder


@pytest.mark.parametrize("method", METHODS)
def test_two_processes_equal_one_with_the_doubled_batch(method: str, trained: Path) -> None:
    one, two = (torch.load(trained / f"{method}_{n}.pt", weights_only=True) for n in (1, 2))
    assert one["iteration"] == two["iteration"] == 12
    names = [name for name, value in one["weights"].items() if isinstance(value, torch.Tensor)]
    assert len(names) >= 8
    for name in names:
        torch.testing.assert_close(two["weights"][name], one["weights"][name], rtol=1e-4, atol=1e-5)
