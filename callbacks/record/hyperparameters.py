"""TensorBoard's HParams tab: what tells runs apart, each setting in a column of its own, beside the test metrics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import (
    DATA_TYPE_FLOAT64,
    DATA_TYPE_STRING,
    STATUS_SUCCESS,
    Experiment,
    HParamInfo,
    MetricInfo,
    MetricName,
)
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from torch.utils.tensorboard.writer import SummaryWriter

from adversaria.runs.architecture import flatten
from adversaria.runs.record import INVOCATION, read_json
from datamodules.domains import domain_names, is_pair

#: Keys whose columns have names of their own; a key of `model` is named without that, `optimizer.lr`.
NAMES = {
    "data.batch_size": "batch_size",
    "data.image_size": "size of images",
    "trainer.max_epochs": "epochs",
    "trainer.precision": "precision",
}
FIRST = ("data", "epochs", "model", "run name", "seed")  # columns that tell runs of their own apart


def hyperparameters(config: Mapping[str, Any], folder: Path, swept: Mapping[str, Any]) -> dict[str, float | str]:
    """Return the columns of a run: general ones, each number of the method, and each key that its sweep varies.

    Args:
        config: the plain configuration.
        folder: the run folder.
        swept: key -> value in this job; empty for a run of its own.
    """
    flat = dict(flatten({key: config[key] for key in ("model", "data", "trainer")}))
    starts = read_json(folder / INVOCATION, [])
    method = {key: value for key, value in flat.items() if key.startswith("model.") and ".network." not in key}
    numbers = {column(key): value for key, value in method.items() if _is_number(value)}
    return {
        **numbers,
        "batch_size": flat.get("data.batch_size", 0),
        "data": data_name(config["data"]),
        "epochs": flat["trainer.max_epochs"],
        "model": flat["model.target"].rpartition(".")[2],
        "network": flat.get("model.network.target", "").rpartition(".")[2],
        "overrides": " ".join(starts[0]["overrides"]) if starts else "",
        "precision": flat["trainer.precision"],
        "run name": config["name"],
        "seed": config["seed"],
        "size of images": flat.get("data.image_size", 0),
        **{column(key): value if _is_number(value) else str(value) for key, value in swept.items()},
    }


def column(key: str) -> str:
    """Return the name of a key's column."""
    return NAMES.get(key, key.removeprefix("model."))


def data_name(data: Mapping[str, Any]) -> str:
    """Return what a data module reads: the class of its reader, or both sets of a pair."""
    if is_pair(data):
        return "_".join(domain_names(data).values())
    target: str = data.get("reader", data)["_target_"]
    return target.rpartition(".")[2]


def write(
    writer: SummaryWriter, columns: Mapping[str, float | str], first: Iterable[str], metrics: Iterable[str], step: int
) -> None:
    """Write the columns of a run, which has written its metrics as scalars.

    TensorBoard shows five columns of each kind, and more to tick: of hyperparameters those first that are said to
    differ, of metrics in the order given. It takes the names of the columns from one of the runs that it shows.

    Args:
        writer: the run's own writer.
        columns: what `hyperparameters` returns.
        first: the columns that are said to differ.
        metrics: names of scalars.
        step: the iteration.
    """
    assert writer.file_writer is not None  # it has one once something was written
    experiment = Experiment(
        hparam_infos=list(_infos(columns, set(first))),
        metric_infos=[MetricInfo(name=MetricName(tag=metric)) for metric in metrics],
    )
    for tag, data in (
        (metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment)),
        (metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=_start(columns))),
        (metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=SessionEndInfo(status=STATUS_SUCCESS))),
    ):
        described = metadata.create_summary_metadata(data)
        value = Summary.Value(tag=tag, metadata=described, tensor=metadata.NULL_TENSOR)
        writer.file_writer.add_summary(Summary(value=[value]), step)


def _infos(columns: Mapping[str, float | str], first: set[str]) -> Iterator[HParamInfo]:
    for name, value in columns.items():
        kind = DATA_TYPE_STRING if isinstance(value, str) else DATA_TYPE_FLOAT64
        yield HParamInfo(name=name, type=kind, differs=name in first)


def _start(columns: Mapping[str, float | str]) -> SessionStartInfo:
    start = SessionStartInfo()
    for name, value in columns.items():
        field = start.hparams[name]
        if isinstance(value, str):
            field.string_value = value
        else:
            field.number_value = value
    return start


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
