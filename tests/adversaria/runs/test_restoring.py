import pytest
import torch
from pytorch_lightning.trainer.connectors import checkpoint_connector

from adversaria.config.errors import CheckpointError
from adversaria.runs import random_state
from adversaria.runs.restoring import RESTORING, restoring
from lightning_modules.checkpoint import check_moments


def test_an_error_while_a_checkpoint_is_restored_names_the_checkpoint() -> None:
    said = r"cannot go on from last\.ckpt: it is damaged \(KeyError: 'python'\)"
    with pytest.raises(CheckpointError, match=said), restoring("last.ckpt"):
        random_state.restore({}, torch.device("cpu"))


def test_other_errors_are_passed_on() -> None:
    with pytest.raises(KeyError), restoring("last.ckpt"):
        raise KeyError("x")
    with pytest.raises(KeyError), restoring(None):
        random_state.restore({}, torch.device("cpu"))


def test_lightning_restores_where_it_did() -> None:
    assert checkpoint_connector.__name__ in RESTORING
    assert hasattr(checkpoint_connector._CheckpointConnector, "restore_training_state")


def test_averages_of_another_shape_are_refused() -> None:
    weight = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.Adam([weight])
    weight.grad = torch.ones(3)
    optimizer.step()
    check_moments([optimizer])
    optimizer.state[weight]["exp_avg"] = torch.zeros(2)
    with pytest.raises(CheckpointError, match=r"an optimizer's exp_avg is \[2\] for a weight of \[3\]"):
        check_moments([optimizer])
