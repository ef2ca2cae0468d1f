"""Resuming a run: which checkpoint, and which configuration."""

from __future__ import annotations

import contextlib
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from adversaria.config.containers import plain, replace_prefix, set_key
from adversaria.config.errors import CheckpointError, ConfigError
from adversaria.config.renamed import renamed, renamed_choices
from adversaria.runs.record import CONFIG, INVOCATION, METRICS, read_record


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


def resumed_config(cfg: DictConfig, folder: Path, choices: dict[str, str], overrides: list[str]) -> dict[str, Any]:
    """Return the configuration of the run in `folder`, changed by the new command line, with the checkpoint to load.

    Values given now (`trainer.max_epochs=60`) replace the saved ones; groups (`model=`, `data=`, `experiment=`) must
    be those of the run.

    Raises:
        CheckpointError: the folder is not a run folder, its checkpoint is damaged, or a group differs.
        ConfigError: a key that the run does not have, or one that is to be removed.
    """
    file = _checkpoint_of(folder, cfg.ckpt_path)
    if file is None:
        return {**plain(cfg), "ckpt_path": None}
    with _reading(folder):
        first = renamed_choices(json.loads((folder / INVOCATION).read_text(encoding="utf-8"))[0]["choices"])
    saved = saved_config(folder)
    # settings that did not exist when the run was started have today's value
    saved.performance = OmegaConf.merge(cfg.performance, saved.get("performance") or {})
    for override in overrides:
        group = override.partition("=")[0].split("@")[0]
        if group in choices:
            if first.get(group) != choices[group]:
                raise CheckpointError(
                    f"{override}: the run in {folder} has {group}={first.get(group)}; "
                    "leave it, or start a new run without ckpt_path"
                )
        else:
            _set(saved, override, f"the run in {folder}")
    config = plain(saved)
    config = replace_prefix(config, config["run_dir"], str(folder))
    return {**config, "ckpt_path": str(file)}


def _checkpoint_of(folder: Path, ckpt_path: str) -> Path | None:
    """Return the checkpoint to load; None where `auto` finds none, which starts the run."""
    if ckpt_path == "auto":
        return newest_intact(folder)
    if ckpt_path in ("last", "best"):
        file = folder / "checkpoints" / f"{ckpt_path}.ckpt"
    else:
        file = checkpoint_file(ckpt_path, folder.parent)
    if file.is_file() and not is_intact(file):
        raise CheckpointError(f"{file} is damaged; ckpt_path=auto takes the newest that is not")
    return file


def _set(saved: DictConfig, override: str, owner: str) -> None:
    """Set one key of a saved configuration, but for `ckpt_path`, which is not the run's."""
    if override.startswith("~"):
        key = override.partition("=")[0][1:]
        raise ConfigError(f"{override}: keys cannot be removed on resume; set {key}=null")
    if override.partition("=")[0] != "ckpt_path":
        set_key(saved, override, owner)


def saved_config(folder: Path) -> DictConfig:
    """Return the configuration of a run.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    with _reading(folder):
        saved = OmegaConf.to_container(OmegaConf.load(folder / CONFIG))
    if not isinstance(saved, dict) or "run_dir" not in saved:
        raise CheckpointError(f"cannot read the run in {folder}: {CONFIG} is damaged")
    return OmegaConf.create(renamed(saved))


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise CheckpointError(f"cannot read the run in {folder}: {error.filename} is missing") from error
    except Exception as error:  # a damaged YAML or JSON file raises errors of many types
        raise CheckpointError(f"cannot read the run in {folder}: {error}") from error


def resumed_job(config: dict[str, Any], folder: Path) -> tuple[dict[str, Any], bool]:
    """Return a sweep's job as it continues in a folder where it may have run before, and whether it is done.

    Raises:
        CheckpointError: the folder has a run of another configuration.
    """
    if not (folder / CONFIG).exists():
        return config, False
    saved = plain(saved_config(folder))
    own = ("ckpt_path", "performance")
    changed = [key for key, value in config.items() if key not in own and saved.get(key) != value]
    if changed:
        raise CheckpointError(
            f"{folder} has a run with another {changed[0]}; remove that folder, or choose another output_root"
        )
    last = folder / "checkpoints" / "last.ckpt"
    return {**config, "ckpt_path": str(last) if last.exists() else None}, "metrics" in read_record(folder / METRICS)
