"""Resuming a run: its own command line and the new one are composed, and what differs is changed in what was saved."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from adversaria.config.command_lines import SEARCH_PATH, combined, key_of, override
from adversaria.config.composition import Composition, apply, changes, composition
from adversaria.config.containers import plain, replace_prefix
from adversaria.config.errors import CheckpointError, first_line
from adversaria.config.foreign_errors import UNKNOWN_KEY, describe_error
from adversaria.config.loaded import LARGEST, FileError, check_file, check_loaded, read_yaml
from adversaria.config.renamed import renamed, renamed_choices, renamed_override
from adversaria.runs import checkpoints
from adversaria.runs.record import CONFIG, INVOCATION, METRICS, read_record

Choices = dict[str, str | None]
#: Keys that belong to a start, and not to the run.
OF_A_START = ("ckpt_path", "run_dir", "output_root", "hydra.run.dir")


def overrides_of(job: Any) -> list[str]:
    """Return the overrides that make a run again, of what Hydra knows of a job: also where groups of its own are."""
    return [*job.overrides.task, *(o for o in job.overrides.hydra if key_of(o) == SEARCH_PATH)]


def recorded(folder: Path) -> tuple[list[str], Choices]:
    """Return the overrides of a run's first start and of each resume, of which the later ones count, and its groups.

    Raises:
        CheckpointError: the record is missing or damaged.
    """
    with _reading(folder, INVOCATION):
        check_file(folder / INVOCATION, LARGEST)
        starts = json.loads((folder / INVOCATION).read_text(encoding="utf-8"))
        choices = renamed_choices(starts[0]["choices"])
        overrides: list[str] = []
        for start in starts:
            overrides = combined(overrides, map(renamed_override, start["overrides"]))
    # An option of Hydra, of a run from elsewhere, could write and call anything.
    return [o for o in overrides if key_of(o) not in OF_A_START and not re.match(r"\W*hydra\b", o)], choices


def history(folder: Path, given: Sequence[str] = ()) -> list[str]:
    """Return the overrides that make a run with this version.

    Those that this version does not know are left out: the saved configuration has their values. Groups of which
    another choice has become the default since are named. `given`, the new command line, says where the user's own
    groups are.

    Raises:
        CheckpointError: the run's record is missing or damaged.
    """
    overrides, saved = recorded(folder)
    name = saved_config(folder).get("name", folder.parent.name)
    search = [o for o in given if key_of(o) == SEARCH_PATH]
    own = _known(combined([override("name", name), *search], overrides), folder)
    now = composition(*own).choices
    fixed = [f"{group}={choice or 'null'}" for group, choice in saved.items() if now.get(group, choice) != choice]
    return combined((o for o in fixed if not o.startswith("hydra/")), own)


def _known(overrides: list[str], folder: Path) -> list[str]:
    try:
        composition(*overrides)
    except Exception as error:  # Hydra's have no common type
        unknown = re.search(UNKNOWN_KEY, str(error))
        known = [o for o in overrides if unknown is None or key_of(o) != unknown[1]]
        if len(known) == len(overrides):
            sentence = describe_error(error) or first_line(error)
            cure = "; for a choice of your own give --config-dir again" if "there is no such" in sentence else ""
            raise CheckpointError(f"this version cannot compose the run in {folder} again: {sentence}{cure}") from error
        return _known(known, folder)
    return overrides


def resumed_config(
    cfg: DictConfig, folder: Path, choices: Choices, overrides: list[str]
) -> tuple[dict[str, Any], list[str]]:
    """Return the configuration of the run in `folder`, changed by the new command line, and the latter's own overrides.

    The saved values stay, whatever this version's defaults are, but for those in which the old and the new command
    line, both composed by this version, differ.

    Args:
        cfg: what the arguments that `resumed_command.command_line` returned compose; its `ckpt_path` says where to go
            on from.
        folder: the run's.
        choices: the choices of groups in `cfg`.
        overrides: those arguments.

    Raises:
        CheckpointError: the folder is not a run folder, its checkpoint is damaged, or a group differs.
    """
    file = _checkpoint_of(folder, str(cfg.ckpt_path))
    earlier = history(folder, overrides)
    given = [o for o in overrides if o not in earlier]
    before = composition(*earlier)
    check_groups(before, choices, folder)
    old, new = (resolved(config, run_dir=str(folder)) for config in (before.config, cfg))
    found = changes(old, new)
    for key in map(key_of, given):  # also where it is this version's default
        if value_at(new, key) is not None:
            found[tuple(key.split("."))] = value_at(new, key)
    saved = plain(saved_config(folder))
    saved["performance"] = old["performance"] | (saved.get("performance") or {})  # settings newer than the run
    saved = replace_prefix(saved, saved["run_dir"], str(folder))
    config = apply({path: value for path, value in found.items() if path[0] not in OF_A_START}, saved)
    return {**config, "ckpt_path": str(file)}, given


def resolved(cfg: DictConfig, **own: str) -> dict[str, Any]:
    """Return a composed configuration as plain containers, with values of keys that only Hydra's main would know."""
    return plain(OmegaConf.merge(cfg, own))  # type: ignore[arg-type]  # two mappings make a mapping


def value_at(config: Any, key: str) -> Any:
    """Return the value at a dotted key of nested mappings, None where there is none."""
    for part in key.split("."):
        config = config.get(part) if hasattr(config, "get") else None
    return config


def check_groups(before: Composition, choices: Choices, folder: Path) -> None:
    """Check that groups have the choices that a run has.

    Raises:
        CheckpointError: one has another.
    """
    for group, now in choices.items():
        then = before.choices.get(group)
        if then != now and not group.startswith("hydra/"):
            raise CheckpointError(
                f"{group}={now or 'null'}: the run in {folder} has {group}={then or 'null'}; "
                f"leave {group} out, or start a new run without ckpt_path"
            )


def _checkpoint_of(folder: Path, ckpt_path: str) -> Path:
    """Return the checkpoint to load, of the run that `resumed_command` found."""
    if ckpt_path == "auto" and (found := checkpoints.newest_intact([folder])):
        return found
    named = ckpt_path in ("last", "best")
    file = folder / "checkpoints" / f"{ckpt_path}.ckpt" if named else checkpoints.checkpoint_file(ckpt_path)
    if not checkpoints.is_intact(file):
        raise CheckpointError(f"{file} is damaged; ckpt_path=auto takes the newest undamaged one")
    return file


def saved_config(folder: Path) -> DictConfig:
    """Return the configuration of a run.

    Raises:
        CheckpointError: it is missing or damaged.
    """
    with _reading(folder):
        check_loaded(read_yaml(folder / CONFIG))
        saved = OmegaConf.to_container(OmegaConf.load(folder / CONFIG))
    if not isinstance(saved, dict) or "run_dir" not in saved:
        raise CheckpointError(f"cannot read the run in {folder}: {CONFIG} is damaged")
    return OmegaConf.create(renamed(saved))


@contextlib.contextmanager
def _reading(folder: Path, name: str = CONFIG) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise CheckpointError(f"cannot read the run in {folder}: {error.filename} is missing") from error
    except FileError as error:
        raise CheckpointError(f"cannot read the run in {folder}: {name} {error}") from error
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
    last = folder / "checkpoints" / checkpoints.LAST
    return {**config, "ckpt_path": str(last) if last.exists() else None}, "metrics" in read_record(folder / METRICS)
