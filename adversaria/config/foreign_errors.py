"""What Hydra, OmegaConf, msgspec, Lightning, joblib and submitit find wrong with a command, in one sentence each.

The texts and names of their errors are written here alone. Where a new version of a library changes one, its error is
shown as a traceback instead of a sentence; the tests produce each error through its library, so they notice.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config import machine_errors
from adversaria.config.errors import CONF, UserError, options, suggest

if TYPE_CHECKING:
    import msgspec

#: Beginning of Hydra's ValueError for `data=null` and `data=3`.
GROUP_WITHOUT_CHOICE = "Config group override"
#: In Hydra's error for an override of a key that does not exist; its group is the key.
UNKNOWN_KEY = r"Could not override '([^']+)'"
#: Class names of the errors by which joblib and submitit say that a job's process was killed.
JOBLIB_KILLED, SUBMITIT_KILLED = "TerminatedWorkerError", "UncompletedJobError"
#: Beginning of the names that joblib gives its processes.
JOBLIB_WORKER = "LokyProcess"
#: Class name of Lightning's error for options that do not go together: known without seconds of import.
LIGHTNINGS = "MisconfigurationException"


def describe_error(error: Exception) -> str | None:
    """Say in one sentence what Hydra, OmegaConf or Lightning found wrong with a command; None if it is not theirs."""
    from hydra.errors import HydraException, MissingConfigException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    cause: BaseException | None = error
    while isinstance(cause, UserError | HydraException | OmegaConfBaseException):
        if isinstance(cause, UserError):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    if cause is not None and (sentence := machine_errors.describe(cause)):
        return sentence
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _missing_option(error.missing_cfg_file)
    if isinstance(error, OverrideParseException):
        return (
            f"cannot read the override '{error.override}'; write key=value, quoted for the shell where it has []{{}}$"
        )
    text = str(error)
    if text.startswith(GROUP_WITHOUT_CHOICE):
        return f"a group needs a choice, such as data=celeba ({' '.join(text.split())})"
    if match := re.search(UNKNOWN_KEY, text):
        return _unknown_key(match[1].split("@")[0])
    if type(error).__name__ in (JOBLIB_KILLED, SUBMITIT_KILLED):
        return "a job's process was killed; out of memory? run again: finished jobs are skipped"
    if type(error).__name__ == LIGHTNINGS or isinstance(error, HydraException | OmegaConfBaseException):
        return " ".join(text.split())
    return None


def describe_conversion(error: msgspec.ValidationError) -> str:
    """Say what msgspec expects of a value: `expected int, got str`, or `expected float >= 0 at [1]`."""
    text = str(error).replace("`", "").replace("| object", "or a component").replace(" - at $", " at ")
    return text[0].lower() + text[1:]


def _missing_option(missing: str) -> str:
    group, _, name = missing.partition("/")
    if group != "experiment":
        group, _, name = missing.rpartition("/")
    cure = suggest(name, options(group))
    if group in ("hydra/launcher", "hydra/sweeper"):
        cure = "; joblib, submitit_local, submitit_slurm and optuna come with pip install -e '.[sweep]'"
    return f"{group}={name}: there is no such {group.rsplit('/')[-1]}{cure}"


def _unknown_key(key: str) -> str:
    """Explain an unknown key: the nearest key, or the group choices that do have it."""
    owners: dict[str, list[str]] = {}
    for file in sorted(CONF.rglob("*.yaml")):
        choice = "=".join(file.relative_to(CONF).with_suffix("").as_posix().rsplit("/", 1))
        for known in _keys(file):
            owners.setdefault(known, []).append(choice)
    if "." in key and key in owners:
        group = owners[key][0].partition("=")[0]
        leaf = key[len(group) + 1 :]
        return f"{key}: the chosen {group} has no key '{leaf}'; it belongs to {', '.join(owners[key])}"
    if "/" in key and key in owners:
        group = key.rpartition("/")[0]
        return f"{key}: the chosen {group} has no {key}; choose the {group} that has, in the same command"
    near = difflib.get_close_matches(key, owners, 1, 0.75) or difflib.get_close_matches(key, owners, 1, 0.5)
    return f"{key}: there is no such key" + (f"; did you mean {near[0]}?" if near else "; see --cfg job for all keys")


def _keys(file: Path) -> set[str]:
    """Return the dotted keys that a configuration file defines, as the command line names them."""
    import yaml

    # eight times as fast as OmegaConf's loader, which differs in numbers alone
    content = yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    parts = file.relative_to(CONF).parts
    if parts[0] in ("hydra", "experiment") or not isinstance(content, dict):
        return set()
    top = {"/".join(parts[:-1])} if len(parts) > 1 else set()
    package = "callbacks" if parts[0] == "callbacks" else ".".join(parts[:-1])
    return top | set(_flatten(content, package))


def _flatten(node: dict[Any, Any], prefix: str) -> Iterator[str]:
    for key, value in node.items():
        if key in ("defaults", "hydra") or str(key).startswith("_"):
            continue
        dotted = f"{prefix}.{key}" if prefix else str(key)
        yield dotted
        if isinstance(value, dict):
            yield from _flatten(value, dotted)
