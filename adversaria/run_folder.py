"""The folder of a run: `outputs/<name>/<timestamp>_<short id>/`, new for each run, the same again for a resumed one."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from adversaria import processes
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
    """Return the folder for a run: a fresh one, or the one that `ckpt_path` continues; the same for all processes.

    Args:
        output_root: folder of all runs.
        name: name of the experiment; runs of one experiment share a folder.
        ckpt_path: None for a new run; `last` or `best` for the newest run of that name; `auto` for the newest undamaged
            checkpoint of that name, or a new run if there is none; or a checkpoint's path.
    """
    if ckpt_path == "auto" and (found := newest_intact(Path(output_root) / name)):
        return str(found.parent.parent)
    if ckpt_path in (None, "auto"):
        fresh = processes.launch() or f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{secrets.token_hex(3)}"
        return str(Path(output_root) / name / fresh)
    return str(checkpoint_file(ckpt_path, Path(output_root) / name).parent.parent)


def newest_intact(experiment_dir: Path) -> Path | None:
    """Return the newest undamaged checkpoint of all runs of an experiment, or of one run; name the damaged ones."""
    files = [f for pattern in ("checkpoints/*.ckpt", "*/checkpoints/*.ckpt") for f in experiment_dir.glob(pattern)]
    for file in sorted(files, key=lambda f: f.stat().st_mtime, reverse=True):
        if is_intact(file):
            return file
        print(f"{file} is damaged; looking for an older one", file=sys.stderr)
    return None


def is_intact(file: Path) -> bool:
    """Tell whether a checkpoint is complete, by the checksums of the archive that it is."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, OSError):
        return False


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
    if cfg.ckpt_path == "auto":
        file = newest_intact(folder)
        if file is None:
            return {**plain(cfg), "ckpt_path": None}
    else:
        named = cfg.ckpt_path in ("last", "best")
        file = (
            folder / "checkpoints" / f"{cfg.ckpt_path}.ckpt" if named else checkpoint_file(cfg.ckpt_path, folder.parent)
        )
        if file.is_file() and not is_intact(file):
            raise CheckpointError(f"{file} is damaged; ckpt_path=auto takes the newest that is not")
    with _reading(folder):
        first = json.loads((folder / INVOCATION).read_text())[0]
    saved = saved_config(folder)
    # there may be settings that it had not
    saved.performance = OmegaConf.merge(cfg.performance, saved.get("performance") or {})
    for override in overrides:
        key = override.partition("=")[0]
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
            set_key(saved, override, f"the run in {folder}")
    config = plain(saved)
    config = replace_prefix(config, config["run_dir"], str(folder))
    return {**config, "ckpt_path": str(file)}


def saved_config(folder: Path) -> DictConfig:
    """Return the configuration of a run.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    with _reading(folder):
        saved = OmegaConf.load(folder / CONFIG)
    if not isinstance(saved, DictConfig) or "run_dir" not in saved:
        raise CheckpointError(f"cannot read the run in {folder}: {CONFIG} is damaged")
    return saved


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise CheckpointError(f"cannot read the run in {folder}: {error.filename} is missing") from error
    except Exception as error:  # whatever a damaged YAML or JSON file makes its reader stumble over
        raise CheckpointError(f"cannot read the run in {folder}: {error}") from error


def set_key(config: DictConfig, override: str, owner: str) -> None:
    """Set a key by `key=value`, as Hydra's command line writes it.

    Raises:
        ConfigError: there is no such key; the sentence says that `owner` has none.
    """
    key, _, value = override.partition("=")
    key = key.lstrip("+")
    if OmegaConf.select(config, key, default=_ABSENT) is _ABSENT:
        raise ConfigError(f"{override}: {owner} has no key {key}")
    OmegaConf.update(config, key, OmegaConf.create(_parse(value))["v"], merge=False)


def resumed_job(config: dict[str, Any], folder: Path) -> tuple[dict[str, Any], bool]:
    """Return a sweep's job as it goes on in a folder where it may have been before, and whether it is done.

    Raises:
        CheckpointError: the folder has a run of another configuration.
    """
    if not (folder / CONFIG).exists():
        return config, False
    saved = OmegaConf.to_container(OmegaConf.load(folder / CONFIG))
    assert isinstance(saved, dict)
    own = ("ckpt_path", "performance")
    changed = [key for key, value in config.items() if key not in own and saved.get(key) != value]
    if changed:
        raise CheckpointError(
            f"{folder} has a run with another {changed[0]}; remove that folder, or choose another output_root"
        )
    last = folder / "checkpoints" / "last.ckpt"
    return {**config, "ckpt_path": str(last) if last.exists() else None}, "metrics" in read_record(folder / METRICS)


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


def find(path: Path, checkpoint: str) -> tuple[Path | None, Path]:
    """Return the run folder, None for a bare checkpoint, and the checkpoint's file of what a tool was given.

    Args:
        path: a run folder or a checkpoint.
        checkpoint: `last` or `best`, where `path` is a run folder.

    Raises:
        CheckpointError: there is no such file.
    """
    file = path / "checkpoints" / f"{checkpoint}.ckpt" if path.is_dir() else path
    if not file.is_file():
        raise CheckpointError(f"there is no checkpoint {file}; give a run folder, outputs/NAME/RUN, or a checkpoint")
    within = file.resolve().parent
    return (within.parent if within.name == "checkpoints" and (within.parent / CONFIG).is_file() else None), file


def read_record(file: Path) -> dict[str, Any]:
    """Return what a metrics.json has: `metrics` and `protocol` of a finished run, `evaluations`; nothing without one.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        record: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{file} is damaged ({error}); move it away") from error
    return record


def write_record(file: Path, record: dict[str, Any]) -> None:
    """Write the record of a finished run; evaluations that were there stay."""
    kept = {k: v for k, v in read_record(file).items() if k == "evaluations"}
    replace_text(file, json.dumps({**record, **kept}, indent=2) + "\n")


def append_evaluation(file: Path, evaluation: dict[str, Any]) -> None:
    """Append to the evaluations of a metrics.json; all else in it stays."""
    record = read_record(file)
    record["evaluations"] = [*record.get("evaluations", []), evaluation]
    replace_text(file, json.dumps(record, indent=2) + "\n")


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
    from filelock import FileLock, Timeout  # slow to import, and not needed to refuse a configuration

    try:
        with FileLock(folder / ".lock", timeout=0):
            yield
    except Timeout:
        raise CheckpointError(f"another process is running in {folder}; wait for it, or stop it") from None
