"""A command line as people type it, made one that Hydra reads: paths as they are, lists without brackets."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from adversaria.config.command_lines import SEARCH_PATH, is_override, options_first, quoted, value_of
from adversaria.config.errors import ConfigError
from adversaria.config.guesses import as_override, folder_as_data, is_path
from adversaria.config.machine_errors import not_utf8

#: Last parts of the keys that are paths, and of those that are lists of names.
PATHS = (
    *("root", "source_root", "target_root", "cache_dir", "output_root", "ckpt_path", "init_from"),
    *("run_dir", "save_dir", "source_checkpoint", "photos", "weights"),
)
NAMES = ("labels", "attributes")
FLAGS = (
    *("--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--resolve", "--package", "-p", "--run", "-r"),
    *("--multirun", "-m", "--shell-completion", "-sc", "--config-path", "-cp", "--config-name", "-cn"),
    *("--config-dir", "-cd", "--experimental-rerun", "--info", "-i"),
)


def as_hydra_reads(arguments: Sequence[str]) -> list[str]:
    """Return a command line with `~` expanded, paths quoted where Hydra needs it, and lists of names in brackets.

    Raises:
        ConfigError: bytes that are not UTF-8; an option that does not exist, such as `--model gan`; options that
            exclude each other; a folder in the place of a data set.
    """
    if wrong := next(filter(None, map(not_utf8, arguments)), None):
        raise ConfigError(wrong)
    check_options(arguments)
    arguments = list(_with_own_groups(arguments))
    sweep = bool({"-m", "--multirun"} & set(arguments))
    return options_first([_changed(argument, sweep) if is_override(argument) else argument for argument in arguments])


def _with_own_groups(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the arguments with `--config-dir FOLDER` as an override, which the record of a run then has."""
    rest = iter(arguments)
    for argument in rest:
        flag, _, folder = argument.partition("=")
        if flag in ("--config-path", "-cp", "--config-name", "-cn"):
            raise ConfigError(
                f"{flag}: a run could not be composed again without these files; put yours into "
                "FOLDER/experiment/NAME.yaml, and give --config-dir FOLDER experiment=NAME"
            )
        if flag not in ("--config-dir", "-cd"):
            yield argument
            continue
        path = Path(_expanded(folder or next(rest, ""))).resolve()
        if not path.is_dir():
            raise ConfigError(f"{flag}: there is no folder {path}")
        yield f"{SEARCH_PATH}=[{quoted(f'file://{path}')}]"


def check_options(arguments: Sequence[str]) -> None:
    """Check that what starts with a dash is an option of Hydra.

    Raises:
        ConfigError: it is not, or two options exclude each other; with what to write instead.
    """
    names = [argument.partition("=")[0] for argument in arguments]
    for i, (argument, name) in enumerate(zip(arguments, names, strict=True)):
        if not name.startswith("-") or name in FLAGS or (len(name) > 4 and any(f.startswith(name) for f in FLAGS)):
            continue
        following = [a for a in arguments[i + 1 : i + 2] if not a.startswith("-") and "=" not in a]
        value = argument.partition("=")[2] or " ".join(following)
        if near := difflib.get_close_matches(f"--{name.lstrip('-')}", FLAGS, 1, 0.8):
            raise ConfigError(f"{argument}: there is no such option; did you mean {f'{near[0]} {value}'.strip()}?")
        if len(name.strip("-")) < 2:
            raise ConfigError(f"{argument}: there is no such option; see python train.py --help")
        key = name.strip("-").replace("-", "_")
        meant = as_override(key, value or "VALUE")
        raise ConfigError(f"{argument} {' '.join(following)}".strip() + f": write key=value: {meant}")
    if {"-c", "--cfg"} & set(names) and {"-m", "--multirun"} & set(names):
        raise ConfigError("--cfg prints one configuration, and -m starts several runs; leave -m and the lists out")


def _changed(argument: str, sweep: bool) -> str:
    key, equals, value = argument.partition("=")
    leaf = key.lstrip("+~").rpartition(".")[2]
    if key == "data" and is_path(value):
        raise ConfigError(folder_as_data(value))
    if leaf in NAMES and re.fullmatch(r"\w+(,\w+)*", value) and value != "null":
        return f"{key}=" + (",".join(f"[{name}]" for name in value.split(",")) if sweep else f"[{value}]")
    if leaf not in PATHS or not equals:
        return argument
    if value[:1] in ("'", '"'):  # quoted for Hydra
        return f"{key}={value[0]}{_expanded(value[1:])}"
    value = ",".join(map(_expanded, value.split(",")))
    return f"{key}={value if sweep or '${' in value or _is_read(key, value) else quoted(value)}"


def _expanded(path: str) -> str:
    """Return a path with a leading `~` or `~user` replaced, which a shell does at the beginning of a word only."""
    home, slash, rest = path.partition("/")
    with contextlib.suppress(RuntimeError):  # there is no such user
        home = str(Path(home).expanduser()) if home.startswith("~") else home
    return home + slash + rest


def _is_read(key: str, value: str) -> bool:
    """Say whether Hydra reads a value as this very text, or as null."""
    if value == quoted(value):
        return True
    with contextlib.suppress(Exception):  # whatever the parser raises
        return value_of(f"{key}={value}") in (value, None)
    return False
