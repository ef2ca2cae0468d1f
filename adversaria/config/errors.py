"""Errors that a user can cause and cure: one sentence each, without a traceback."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CONF = Path(__file__).resolve().parents[2] / "conf"


class UserError(Exception):
    """Something that the user can put right; its text names the cause and the cure."""


class ConfigError(UserError):
    """A configuration key with a wrong name, type or value."""


class DataError(UserError):
    """Data that is missing, damaged or not what was asked for."""


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged or of another model."""


class SavingError(UserError):
    """A disk that is full, or cannot be written to."""


class DivergedError(UserError):
    """A training whose losses or weights are no numbers any more."""


def suggest(name: str, known: Iterable[str], limit: int = 3) -> str:
    """Return `; did you mean a or b?` for the names nearest to `name`, or all of a short list, or nothing."""
    name, known = str(name), sorted(map(str, known))  # a key of YAML can be a number
    lowered = {k.lower(): k for k in known}
    near = [lowered[m] for m in difflib.get_close_matches(name.lower(), lowered, limit, 0.6)]
    near += [k for k in known if name.lower() in k.lower() and k not in near][: limit - len(near)]
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; known: {', '.join(known)}" if known and len(known) <= 16 else ""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its name if it has none."""
    return (str(error) or type(error).__name__).splitlines()[0]


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Turn user errors and Hydra's composition errors into one line on stderr and exit status 2."""
    try:
        yield
    except UserError as error:
        fail(str(error))
    except Exception as error:
        sentence = describe_error(error)
        if sentence is None:
            raise
        fail(sentence)


def fail(sentence: str) -> None:
    """Print the sentence on stderr and leave with status 2."""
    print(f"error: {sentence}", file=sys.stderr)
    raise SystemExit(2)


def describe_error(error: Exception) -> str | None:
    """Say in one sentence what Hydra, OmegaConf or Lightning found wrong with a command; None if it is not theirs."""
    from hydra.errors import HydraException, MissingConfigException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    cause: BaseException | None = error
    while isinstance(cause, UserError | HydraException | OmegaConfBaseException):
        if isinstance(cause, UserError):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        return _missing_option(error.missing_cfg_file)
    if isinstance(error, OverrideParseException):
        return (
            f"cannot read the override '{error.override}'; write key=value, quoted for the shell where it has []{{}}$"
        )
    text = str(error)
    if text.startswith("Config group override"):  # a plain ValueError of Hydra's, for data=null or data=3
        return f"a group needs a choice, such as data=celeba ({' '.join(text.split())})"
    if match := re.search(r"Could not override '([^']+)'", text):
        return _unknown_key(match[1].split("@")[0])
    if type(error).__name__ in ("TerminatedWorkerError", "UncompletedJobError"):  # of joblib, of submitit
        return "a job's process was killed, perhaps for want of memory; started again, the sweep does what is missing"
    lightnings = type(error).__name__ == "MisconfigurationException"  # known without seconds of import
    if lightnings or isinstance(error, HydraException | OmegaConfBaseException):
        return " ".join(text.split())
    return None


def options(group: str) -> list[str]:
    """Return the choices of a configuration group: `options("data")` is `["celeba", …]`."""
    files = (CONF / group).rglob("*.yaml") if group == "experiment" else (CONF / group).glob("*.yaml")
    names = (f.relative_to(CONF / group).with_suffix("").as_posix() for f in files)
    return sorted(n for n in names if not n.startswith("_"))


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
