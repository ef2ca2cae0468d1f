"""The folder of a run: `outputs/<name>/<timestamp>_<short id>/`, new for each run, the same again for a resumed one."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from adversaria.errors import CheckpointError, ConfigError, explain
from adversaria.sweep_names import job_name

CONFIG = "config.yaml"
METRICS = "metrics.json"
INVOCATION = "invocation.json"  # how the run was started and resumed: group choices and overrides
FAILURE = "failure.json"  # of a sweep's job: its overrides, and why it failed


def register_resolvers() -> None:
    """Register what conf/train.yaml interpolates; call before Hydra composes."""
    OmegaConf.register_new_resolver("experiment_name", experiment_name, replace=True)
    OmegaConf.register_new_resolver("run_dir", run_dir, replace=True, use_cache=True)
    OmegaConf.register_new_resolver("job_name", job_name, replace=True)


def experiment_name(experiment: str | None, model: str, data: str) -> str:
    """Name a run by its experiment, or by model and data: `report_a/vae`, `vae_celeba`."""
    return experiment or f"{model}_{data}"


def run_dir(output_root: str, name: str, ckpt_path: str | None) -> str:
    """Return the folder for a run: a fresh one, or the one that `ckpt_path` continues.

    Args:
        output_root: folder of all runs.
        name: name of the experiment; runs of one experiment share a folder.
        ckpt_path: None for a new run; `last` or `best` for the newest run of that name; or a checkpoint's path.
    """
    if ckpt_path is None:
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        return str(Path(output_root) / name / f"{stamp}_{secrets.token_hex(3)}")
    return str(checkpoint_file(ckpt_path, Path(output_root) / name).parent.parent)


def checkpoint_file(ckpt_path: str, experiment_dir: Path) -> Path:
    """Resolve `last`, `best`, a checkpoint's path or a run folder to an existing checkpoint.

    Raises:
        CheckpointError: there is none.
    """
    if ckpt_path in ("last", "best"):
        found = sorted(experiment_dir.glob(f"*/checkpoints/{ckpt_path}.ckpt"))
        if not found:
            raise CheckpointError(
                f"ckpt_path={ckpt_path}: no run under {experiment_dir} has checkpoints/{ckpt_path}.ckpt; "
                "give the model, data or experiment of the run to resume, or the path of a checkpoint"
            )
        return found[-1]
    path = Path(ckpt_path)
    path = path / "checkpoints" / "last.ckpt" if path.is_dir() else path
    if not path.is_file():
        raise CheckpointError(f"ckpt_path={ckpt_path}: there is no file {path}; give last, best or an existing path")
    return path


def plain(cfg: DictConfig) -> dict[str, Any]:
    """Resolve a composed configuration into plain containers.

    Raises:
        ConfigError: an interpolation that leads nowhere, or a mandatory value that is missing.
    """
    try:
        resolved = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(explain(error)) from error
    assert isinstance(resolved, dict)
    return {str(k): v for k, v in resolved.items()}


def resumed_config(cfg: DictConfig, folder: Path, choices: dict[str, str], overrides: list[str]) -> dict[str, Any]:
    """Return the configuration of the run in `folder`, changed by the new command line, with the checkpoint to load.

    Values given now (`trainer.max_epochs=60`) replace the saved ones; groups (`model=`, `data=`, `experiment=`) must
    be those of the run.

    Raises:
        CheckpointError: the folder is no run folder, or a group differs.
        ConfigError: a key that the run does not have.
    """
    try:
        saved = OmegaConf.load(folder / CONFIG)
        first = json.loads((folder / INVOCATION).read_text())[0]
    except FileNotFoundError as error:
        raise CheckpointError(f"cannot resume in {folder}: {error.filename} is missing") from error
    except Exception as error:  # whatever a damaged YAML or JSON file makes its reader stumble over
        raise CheckpointError(f"cannot resume in {folder}: {error}") from error
    if not isinstance(saved, DictConfig) or "run_dir" not in saved:
        raise CheckpointError(f"cannot resume in {folder}: {CONFIG} is damaged")
    OmegaConf.set_struct(saved, True)
    for override in overrides:
        key, _, value = override.partition("=")
        group = key.split("@")[0]
        if group in choices:
            if first["choices"].get(group) != choices[group]:
                raise CheckpointError(
                    f"{override}: the run in {folder} has {group}={first['choices'].get(group)}; "
                    "leave it, or start a new run without ckpt_path"
                )
        elif key[0] == "~":
            raise ConfigError(f"{override}: a resumed run has no key less; set {key[1:]}=null")
        elif key != "ckpt_path":
            key = key.lstrip("+")
            if OmegaConf.select(saved, key, default=_ABSENT) is _ABSENT:
                raise ConfigError(f"{override}: the run in {folder} has no key {key}")
            OmegaConf.update(saved, key, OmegaConf.create(_parse(value))["v"], merge=False)
    config = plain(saved)
    config = replace_prefix(config, config["run_dir"], str(folder))
    named = cfg.ckpt_path in ("last", "best")
    file = folder / "checkpoints" / f"{cfg.ckpt_path}.ckpt" if named else checkpoint_file(cfg.ckpt_path, folder.parent)
    return {**config, "ckpt_path": str(file)}


def resumed_job(config: dict[str, Any], folder: Path) -> tuple[dict[str, Any], bool]:
    """Return a sweep's job as it goes on in a folder where it may have been before, and whether it is done.

    Raises:
        CheckpointError: the folder has a run of another configuration.
    """
    if not (folder / CONFIG).exists():
        return config, False
    saved = OmegaConf.to_container(OmegaConf.load(folder / CONFIG))
    assert isinstance(saved, dict)
    changed = [key for key, value in config.items() if key != "ckpt_path" and saved.get(key) != value]
    if changed:
        raise CheckpointError(
            f"{folder} has a run with another {changed[0]}; remove that folder, or choose another output_root"
        )
    last = folder / "checkpoints" / "last.ckpt"
    return {**config, "ckpt_path": str(last) if last.exists() else None}, (folder / METRICS).exists()


def replace_prefix(node: Any, old: str, new: str) -> Any:
    """Replace a leading path in every text of nested containers, keys too: the run folder may have moved since."""
    if isinstance(node, dict):
        return {replace_prefix(k, old, new): replace_prefix(v, old, new) for k, v in node.items()}
    if isinstance(node, list):
        return [replace_prefix(v, old, new) for v in node]
    inside = isinstance(node, str) and (node == old or node.startswith(f"{old}/"))
    return new + node.removeprefix(old) if inside else node


_ABSENT = object()


def _parse(value: str) -> dict[str, Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return {"v": OverridesParser.create().parse_override(f"v={value}").value()}


def write_invocation(folder: Path, config: dict[str, Any], choices: dict[str, str], overrides: list[str]) -> None:
    """Save the resolved configuration, and append this invocation to the list of those that made the run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FAILURE).unlink(missing_ok=True)
    file = folder / INVOCATION
    history = json.loads(file.read_text()) if file.exists() else []
    history.append({"time": time.strftime("%Y-%m-%d %H:%M:%S"), "choices": choices, "overrides": overrides})
    replace_text(file, json.dumps(history, indent=2) + "\n")
    replace_text(folder / CONFIG, OmegaConf.to_yaml(OmegaConf.create(config)))


def write_failure(folder: Path, overrides: list[str], sentence: str) -> None:
    """Note why a sweep's job failed, until it is started again."""
    folder.mkdir(parents=True, exist_ok=True)
    replace_text(folder / FAILURE, json.dumps({"overrides": overrides, "error": sentence}, indent=2) + "\n")


def replace_text(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    scratch = file.with_name(f".{file.name}.{os.getpid()}")  # other jobs of a sweep may write the same file
    scratch.write_text(text)
    scratch.replace(file)


def discard_if_empty(folder: Path, output_root: Path) -> None:
    """Remove a run folder in which nothing was written, and the folders that are empty then, below `output_root`."""
    with contextlib.suppress(OSError):  # the first that is not empty ends it
        for path in (folder, *folder.parents):
            if output_root.resolve() not in path.resolve().parents:
                break
            path.rmdir()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process.

    Raises:
        CheckpointError: another process is running in it.
    """
    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise CheckpointError(f"another process is running in {folder}; wait for it, or stop it") from None
