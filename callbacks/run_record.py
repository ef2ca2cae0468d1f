"""The record of a run: architecture.txt, metrics.json, environment.json, and TensorBoard's text and hparams tabs.

environment.json has an entry for each time the run was started or resumed.
"""

from __future__ import annotations

import json
import logging
import math
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table
from tensorboard.compat.proto.event_pb2 import Event, SessionLog

from adversaria.curves import read_metrics
from adversaria.errors import ConfigError, suggest
from adversaria.run_folder import INVOCATION, METRICS, write_record
from callbacks.figures import tensorboard_writers
from lightning_modules.base import parameter_count

log = logging.getLogger(__name__)
PACKAGES = (
    "torch",
    "torchvision",
    "pytorch-lightning",
    "torchmetrics",
    "hydra-core",
    "omegaconf",
    "numpy",
    "scikit-learn",
)


class RunRecord(pl.Callback):
    """Write what a reader needs to understand and repeat the run.

    Args:
        config: the whole plain configuration of the run.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self._start = time.time()
        self._before = 0.0  # seconds of earlier attempts, up to the checkpoint that this one goes on from

    def _seconds(self) -> float:
        return self._before + time.time() - self._start

    def state_dict(self) -> dict[str, Any]:
        """Return the time of all attempts so far."""
        return {"seconds": self._seconds()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on counting from there."""
        self._before = state["seconds"]

    def on_fit_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write environment.json and architecture.txt; tell TensorBoard where a resumed run goes on."""
        if not trainer.is_global_zero:
            return
        for writer in tensorboard_writers(trainer) if pl_module.iteration else []:
            # what an interrupted attempt logged after its last checkpoint is repeated: TensorBoard drops it here
            restart = Event(session_log=SessionLog(status=SessionLog.START))
            writer._get_file_writer().add_event(restart, step=pl_module.iteration + 1)
        folder = Path(trainer.default_root_dir)
        file = folder / "environment.json"
        attempts = json.loads(file.read_text()) if file.exists() else []
        attempts.append({**environment_of(trainer), "seed": self.config["seed"]})
        file.write_text(json.dumps(attempts, indent=2) + "\n")
        networks = architecture(trainer, pl_module)
        (folder / "architecture.txt").write_text(networks)
        for writer in tensorboard_writers(trainer):
            for name, text in (
                ("config", OmegaConf.to_yaml(OmegaConf.create(self.config))),
                ("architecture", networks),
            ):
                writer.add_text(name, f"```\n{text}```", pl_module.iteration)

    def on_test_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Write metrics.json and the hparams tab."""
        if not trainer.is_global_zero:
            return
        record = record_of(trainer, pl_module, weights=self.config["test"], seed=self.config["seed"])
        record["seconds"] = round(self._seconds())
        folder = Path(trainer.default_root_dir)
        write_record(folder / METRICS, record)
        for writer in tensorboard_writers(trainer):
            chosen = hyperparameters(self.config, folder)
            writer.add_hparams(chosen, measured(trainer), run_name=".", global_step=pl_module.iteration)


def hyperparameters(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return what TensorBoard's hparams tab shows: the same keys for every run, as it takes its columns from one.

    It sorts them and shows the first five, until others are ticked.
    """
    flat = dict(flatten({key: config[key] for key in ("model", "data", "trainer")}))
    started = folder / INVOCATION
    rates = [value for key, value in flat.items() if key.startswith("model.") and key.endswith("optimizer.lr")]
    return {
        "batch_size": flat.get("data.batch_size", 0),
        "data": data_name(config["data"]),
        "epochs": flat["trainer.max_epochs"],
        "learning rates": " ".join(map(str, rates)),
        "model": flat["model.target"].rpartition(".")[2],
        "network": flat.get("model.network.target", "").rpartition(".")[2],
        "overrides": " ".join(json.loads(started.read_text())[0]["overrides"]) if started.exists() else "",
        "precision": flat["trainer.precision"],
        "run name": config["name"],
        "seed": config["seed"],
        "size of images": flat.get("data.image_size", 0),
    }


def data_name(data: Mapping[str, Any]) -> str:
    """Return what a data module reads: its source, or both sets of a pair."""
    source = data.get("source")
    if isinstance(source, str):
        return f"{source}_{data['target']}"
    target: str = (source or data)["_target_"]
    return target.rpartition(".")[2]


def measured(trainer: pl.Trainer) -> dict[str, float]:
    """Return the test metrics by name."""
    return {k: float(v) for k, v in sorted(trainer.callback_metrics.items()) if k.startswith("test/")}


def record_of(trainer: Any, module: Any, **protocol: Any) -> dict[str, Any]:
    """Return the test metrics, and the protocol: what is given, what data and callbacks say must stand beside them."""
    callbacks = {k: v for c in trainer.callbacks if hasattr(c, "protocol") for k, v in c.protocol().items()}
    return {
        "metrics": {k: v if math.isfinite(v) else None for k, v in measured(trainer).items()},  # JSON has no NaN
        "protocol": {**protocol, "iteration": module.iteration, **trainer.datamodule.describe(), **callbacks},
    }


def print_results(metrics: Mapping[str, Any], *where: str, title: str = "test") -> None:
    """Print the test metrics as a table, and lines on where to look on."""
    table = Table("metric", "value", title=title)
    for name, value in sorted(metrics.items()):
        if name.startswith("test/"):
            table.add_row(name.removeprefix("test/"), "nan" if value is None else f"{float(value):.5g}")
    console = Console()
    console.print(table)
    for line in where:
        console.print(line, highlight=False, soft_wrap=True)


def objective(name: str | None, metrics: Mapping[str, Any], folder: Path) -> float | None:
    """Return the metric that a sweeper minimises; of a run that had nothing left to fit, as it was logged.

    Raises:
        ConfigError: the run has no such metric.
    """
    if name is None:
        return None
    if name in metrics:
        return float(metrics[name])
    file = folder / "metrics.csv"
    logged = read_metrics(file) if file.exists() else {}
    if name not in logged:
        raise ConfigError(f"objective={name}: this run has no such metric{suggest(name, {*metrics, *logged})}")
    return logged[name][1][-1]


def environment_of(trainer: pl.Trainer) -> dict[str, Any]:
    """Return versions, device, command and the state of the git checkout."""
    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor() or platform.machine()
    return {
        "command": sys.argv,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{package: version(package) for package in PACKAGES},
        "device": f"{device.type} ({name})",
        "processes": trainer.world_size,
        "threads": torch.get_num_threads(),
        "precision": str(trainer.precision),
        **git_state(Path(__file__).parent),
    }


def git_state(folder: Path) -> dict[str, Any]:
    """Return `git_commit` and `git_dirty`, None where the code is not in a git checkout."""
    try:
        commit, status = (
            subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, check=True, timeout=10).stdout
            for args in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.SubprocessError):
        return {"git_commit": None, "git_dirty": None}
    return {"git_commit": commit.strip(), "git_dirty": bool(status.strip())}


def architecture(trainer: pl.Trainer, module: Any) -> str:
    """Return the networks as PyTorch prints them, parameter counts, and the implementation details of a report."""
    lines = []
    for name, network in module.named_children():
        if not parameter_count(network):  # the average of a generator repeats it
            continue
        lines += [f"{name}: {parameter_count(network):,} trainable parameters", str(network), ""]
        lines += [f"  {name}.{n}: {parameter_count(part):,}" for n, part in network.named_children()] + [""]
    details = {
        **module.details(),
        **{k: _short(v) for k, v in flatten(module.config or {}) if not k.startswith("network.")},
        **trainer.datamodule.describe(),  # type: ignore[attr-defined]
        "epochs": trainer.max_epochs,
        "precision": trainer.precision,
        **({"gradient clipping": trainer.gradient_clip_val} if module.automatic_optimization else {}),
    }
    width = max(map(len, details))
    lines += ["Implementation details", *(f"  {k:<{width}}  {v}" for k, v in details.items())]
    return "\n".join(lines) + "\n"


def _short(value: Any) -> Any:
    return value.removeprefix("lightning_modules.") if isinstance(value, str) else value


def flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield `dotted.key, value` of nested containers; lists become text, as TensorBoard's hparams want it."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key != "_partial_":
                name = str(key).strip("_")
                yield from flatten(value, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix, node if isinstance(node, int | float | str | bool) else str(node)
