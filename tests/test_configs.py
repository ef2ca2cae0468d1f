"""Every configuration composes, passes the check, and builds."""

import itertools
from pathlib import Path

import pytest
import torch

from adversaria import schema
from adversaria.errors import options
from adversaria.instantiate import instantiate

MODELS, DATA = options("model"), options("data")
NETWORKS, EXPERIMENTS = options("model/network"), options("experiment")


def test_the_groups_are_not_empty() -> None:
    assert MODELS == ["vae"]
    assert DATA == ["celeba", "lab_faces", "synthetic_faces"]
    assert EXPERIMENTS == ["report_a/vae", "report_b/vae", "report_c/vae"]


@pytest.mark.parametrize(("model", "data"), list(itertools.product(MODELS, DATA)))
def test_every_model_composes_with_every_data_set(compose, model: str, data: str) -> None:
    schema.check(compose(f"model={model}", f"data={data}"))


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_composes(compose, network: str) -> None:
    config = compose(f"model/network={network}")
    schema.check(config)
    with torch.device("meta"):
        assert (
            instantiate(config["model"]).network.decode(torch.zeros(1, 1024 if "tanh" not in network else 512)).ndim
            == 4
        )


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_builds_and_its_data_fits_its_network(compose, experiment: str, tmp_path: Path) -> None:
    config = compose(f"experiment={experiment}", folder=tmp_path)
    schema.check(config)
    with torch.device("meta"):
        module = instantiate(config["model"])
    assert list(module.value_range) == config["data"]["value_range"]
    assert module.image_size == config["data"]["image_size"]
    for node in config["callbacks"].values():
        instantiate(node)
    trainer = instantiate(config["trainer"], logger=False, accelerator="cpu", default_root_dir=str(tmp_path))
    assert trainer.max_epochs == config["trainer"]["max_epochs"]


def test_the_callbacks_of_a_model_can_be_left_out_one_by_one(compose) -> None:
    assert compose("callbacks.tsne=null")["callbacks"]["tsne"] is None
