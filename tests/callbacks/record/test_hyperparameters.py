"""TensorBoard's HParams tab has a column for each key that a sweep varies."""

from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from torch.utils.tensorboard.writer import SummaryWriter

from callbacks.record.hyperparameters import FIRST, column, hyperparameters, write


@pytest.mark.parametrize(
    ("overrides", "data", "model", "rates"),
    [
        (["model=dann", "data=usps_mnistm"], "usps_mnistm", "DANN", ["update.optimizer.lr"]),
        (["model=gan", "data=celeba"], "CelebA", "GAN", ["discriminator.optimizer.lr", "generator.optimizer.lr"]),
        (["model=classifier", "data=digits"], "EmbeddedDigits", "Classifier", ["optimizer.lr"]),
    ],
)
def test_columns_say_which_run_it_is_and_have_each_learning_rate(
    compose: Any, tmp_path: Path, overrides: list[str], data: str, model: str, rates: list[str]
) -> None:
    columns = hyperparameters(compose(*overrides), tmp_path, {})
    assert (columns["data"], columns["model"]) == (data, model)
    assert set(FIRST) <= set(columns)
    assert sorted(name for name in columns if name.endswith("optimizer.lr")) == rates
    assert all(isinstance(columns[name], float) for name in rates)


def test_a_swept_key_is_a_number_of_its_own_and_shown_first(compose: Any, tmp_path: Path) -> None:
    swept = {"model.lambda_kl": 1e-5, "model.optimizer.lr": 0.003, "data.batch_size": 64, "model/network": "wide_vae"}
    columns = hyperparameters(compose("model=vae"), tmp_path, swept)
    assert (columns["lambda_kl"], columns["optimizer.lr"], columns["batch_size"]) == (1e-5, 0.003, 64)
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("test/mse", 0.1, 5)
        write(writer, columns, map(column, swept), ["val/loss", "test/mse"], 5)
    described = EventAccumulator(str(tmp_path)).Reload().summary_metadata
    content = {tag: described[tag].plugin_data.content for tag in described}
    experiment = metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG])
    first = {info.name: info.type for info in experiment.hparam_infos if info.differs}
    text, number = 1, 3  # types of TensorBoard
    assert first == {"lambda_kl": number, "optimizer.lr": number, "batch_size": number, "model/network": text}
    assert [info.name.tag for info in experiment.metric_infos] == ["val/loss", "test/mse"]
    start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
    assert start.hparams["lambda_kl"].number_value == 1e-5
    assert start.hparams["model/network"].string_value == "wide_vae"
