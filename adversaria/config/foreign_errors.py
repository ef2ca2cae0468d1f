"""What Hydra, OmegaConf, msgspec, Lightning, joblib and submitit find wrong with a command, in one sentence each.

The texts and names of their errors are written here alone. Where a new version of a library changes one, its error is
shown as a traceback instead of a sentence; the tests produce each error through its library, so they notice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from adversaria.config import machine_errors
from adversaria.config.command_lines import current_arguments, pasteable
from adversaria.config.command_lines import override as quoted_override
from adversaria.config.errors import UserError
from adversaria.config.guesses import corrected, unknown_choice, unknown_key

if TYPE_CHECKING:
    import msgspec

#: Beginning of Hydra's ValueError for `data=null` and `data=3`.
GROUP_WITHOUT_CHOICE = "Config group override"
#: In Hydra's error for an override of a key that does not exist; its group is the key.
UNKNOWN_KEY = r"Could not override '([^']+)'"
#: In Hydra's error for `key=a,b` without -m; its group is the override.
SEVERAL_VALUES = r"Ambiguous value for argument '(.+)'"
#: Beginning of Hydra's error for an override that OmegaConf refuses, and which alone does not say why.
MERGING = "Error merging override"
#: Class names of the errors by which joblib and submitit say that a job's process was killed.
JOBLIB_KILLED, SUBMITIT_KILLED = "TerminatedWorkerError", "UncompletedJobError"
#: Beginning of the names that joblib gives its processes, and the class of Hydra's launcher that starts them.
JOBLIB_WORKER, JOBLIB_LAUNCHER = "LokyProcess", "JoblibLauncher"
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
        return unknown_choice(error.missing_cfg_file)
    if isinstance(error, OverrideParseException):
        return _unreadable(error.override)
    text = str(error)
    if text.startswith(GROUP_WITHOUT_CHOICE):
        return f"a group needs a choice, such as data=celeba ({' '.join(text.split())})"
    if match := re.search(SEVERAL_VALUES, text):
        return _several_values(match[1])
    if match := re.search(UNKNOWN_KEY, text):
        return unknown_key(match[1].split("@")[0])
    if type(error).__name__ in (JOBLIB_KILLED, SUBMITIT_KILLED):
        return "a job's process was killed; out of memory? run again: finished jobs are skipped"
    if text.startswith(MERGING) and error.__cause__ is not None:
        return f"{' '.join(text.split())} ({' '.join(str(error.__cause__).split())})"
    if type(error).__name__ == LIGHTNINGS or isinstance(error, HydraException | OmegaConfBaseException):
        return " ".join(text.split())
    if machine_errors.raised_in(error)[0].startswith(("hydra.", "omegaconf.")):  # as of model=[null]
        return f"these overrides cannot be composed ({' '.join(text.split())}); check the choices of groups"
    return None


def describe_conversion(error: msgspec.ValidationError) -> str:
    """Say what msgspec expects of a value: `expected int, got str`, or `expected float >= 0 at [1]`."""
    text = str(error).replace("`array", "list").replace("`", "").replace("| object", "or a component")
    text = text.replace(" - at $", " at ")
    return text[0].lower() + text[1:]


def _unreadable(override: str) -> str:
    key, equals, value = override.partition("=")
    before, after = _beside(override)
    if not equals and after[:1] == ["="]:
        cure = f"write {override}={' '.join(after[1:2])}, without spaces"
    elif not equals and "=" in before:  # perhaps the second half of a path with a space
        whole = pasteable(quoted_override(*f"{before} {override}".split("=", 1)))
        cure = f"write key=value; or, if it belongs to {before}, quote both: {whole}"
    elif not equals:
        cure = "write key=value"
    elif value.endswith(",") and after and "=" not in after[0]:
        cure = f"write {override}{after[0]}, without a space after the comma"
    else:
        cure = f"if its value is a text, quote it: {corrected(override, quoted_override(key, value))}"
    return f"cannot read '{override}'; {cure}"


def _beside(argument: str) -> tuple[str, list[str]]:
    """Return the argument before one, empty where there is none, and those after it."""
    arguments = ["", *current_arguments()]
    at = arguments.index(argument) if argument in arguments else len(arguments)
    return arguments[at - 1], arguments[at + 1 :]


def _several_values(override: str) -> str:
    key, _, value = override.partition("=")
    text, several = (corrected(override, new) for new in (quoted_override(key, value), f"{key}=[{value}]"))
    return f"{override}: several values; add -m for a run with each, or write {several} for a list, {text} for a text"
