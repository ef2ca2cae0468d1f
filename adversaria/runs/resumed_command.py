"""The command line of a resumed run: the overrides that made it, then those given now."""

from __future__ import annotations

import os
from pathlib import Path

from omegaconf import OmegaConf

from adversaria.config.command_lines import SEARCH_PATH, combined, key_of, override, overrides_in, value_of
from adversaria.config.composition import composition
from adversaria.config.errors import ConfigError
from adversaria.runs import checkpoints, resume
from adversaria.runs.run_folder import experiment_name
from adversaria.runs.same_run import SameRun

NAMING = ("name", "experiment", "model", "data")


def command_line(arguments: list[str]) -> list[str]:
    """Return the arguments of train.py with the overrides that made the run put before those given now.

    Without `ckpt_path`, or with `auto` where there is nothing to go on with, they are those of a new run.

    Raises:
        CheckpointError: there is no such run, or it is damaged.
        ConfigError: what cannot be said of a resumed run.
    """
    given = overrides_in(arguments)
    ckpt_path = next((value_of(o) for o in reversed(given) if key_of(o) == "ckpt_path"), None)
    started_by_lightning = "LOCAL_RANK" in os.environ and "hydra.run.dir" in map(key_of, given)
    if started_by_lightning:  # with the arguments that this returned in the first process
        return arguments
    if ckpt_path is None:
        _check_fresh(given)
        return arguments
    if {"-m", "--multirun"} & set(arguments):
        raise ConfigError("ckpt_path continues one run, but -m starts several; remove one of the two")
    file = _find(str(ckpt_path), given)
    if file is None:
        _check_fresh(given)
        new = [o for o in given if key_of(o) != "ckpt_path"]
    else:
        folder = file.parent.parent
        _check_place(given, folder)
        _check_start(given, folder)
        earlier = resume.history(folder, given)
        before = composition(*earlier)
        named = {key_of(o): value_of(o) for o in given if key_of(o) in before.choices}
        resume.check_groups(before, named, folder)  # of another group some earlier override could be no key
        new = [*combined(earlier, given), override("hydra.run.dir", folder)]
    first = arguments.index(given[0])
    rest = [argument for argument in arguments[first:] if argument not in given]
    return [*arguments[:first], *new, *rest]


def _find(ckpt_path: str, given: list[str]) -> Path | None:
    """Return the checkpoint to go on with; None where `auto` finds none."""
    if ckpt_path not in ("last", "best", "auto"):
        return checkpoints.checkpoint_file(ckpt_path)
    naming = [o for o in given if key_of(o) in NAMING]
    root, name = _place([*naming, *(o for o in given if key_of(o) in ("output_root", SEARCH_PATH))])
    if ckpt_path == "auto":
        same = SameRun([o for o in given if key_of(o) not in resume.OF_A_START])
        place = next((_path_of(o) for o in reversed(given) if key_of(o) == "hydra.run.dir"), None)
        runs = [place] if place else [root / name, *(root / name).glob("*")]
        found = checkpoints.newest_intact(runs, same)
        if found is None:
            same.say_why_not()
        return found
    return checkpoints.newest(ckpt_path, root / name) if naming else checkpoints.newest(ckpt_path, root, "**")


def _place(naming: list[str]) -> tuple[Path, str]:
    """Return the folder of all runs, and the name of those that these overrides start."""
    composed = composition(*naming)
    raw = OmegaConf.to_container(composed.config)
    assert isinstance(raw, dict)
    name: str = raw["name"]
    if "${" in name:
        experiment, model, data = (composed.choices.get(group) for group in ("experiment", "model", "data"))
        name = experiment_name(experiment, str(model), str(data))
    return Path(raw["output_root"]), name


def _check_fresh(given: list[str]) -> None:
    for argument in given:
        if key_of(argument) == "run_dir":
            raise ConfigError(f"{argument}: a new run has a folder of its own; choose where with output_root and name")


def _check_start(given: list[str], folder: Path) -> None:
    for argument in given:
        if key_of(argument) == "init_from" and value_of(argument) != resume.saved_config(folder).get("init_from"):
            raise ConfigError(
                f"{argument}: the run in {folder} goes on with its own weights; leave init_from out, or "
                "start a new run without ckpt_path"
            )


def _path_of(argument: str) -> Path:
    return Path(str(value_of(argument)))


def _check_place(given: list[str], folder: Path) -> None:
    own = folder.resolve()
    for key, argument in {key_of(argument): argument for argument in given}.items():  # of several, the last counts
        outside = key == "output_root" and _path_of(argument).resolve() not in own.parents
        elsewhere = key == "hydra.run.dir" and _path_of(argument).resolve() != own
        if key == "run_dir" or outside or elsewhere:
            raise ConfigError(
                f"{argument}: a resumed run stays in its folder, {folder}; leave {key} out, or move the folder first"
            )
