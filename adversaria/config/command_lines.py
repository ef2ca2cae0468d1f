"""Command lines of Hydra: quoting values, for a shell too, and joining the overrides of several command lines."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./+-]*")  # what Hydra reads as this text; "1_0" would be the number 10
_WORDS = ("null", "true", "false", "nan", "inf")
_OVERRIDE = re.compile(r"[+~]*[A-Za-z_$][^=\s]*(=|$)")
SEARCH_PATH = "hydra.searchpath"  # key of the folders that have further groups
_FLAGS_WITH_VALUE = (
    *("-c", "--cfg", "-p", "--package", "-cp", "--config-path", "-cn", "--config-name"),
    *("-cd", "--config-dir", "-i", "--info", "-sc", "--experimental-rerun"),
)
_given: ContextVar[list[str] | None] = ContextVar("arguments that were given from Python", default=None)


def current_arguments() -> list[str]:
    """Return the arguments of this start: those of the command line, or those that were given from Python."""
    return sys.argv[1:] if (given := _given.get()) is None else given


def from_python() -> bool:
    """Tell whether this start comes from Python, in a process that is not ours, and not from a command line."""
    return _given.get() is not None


@contextlib.contextmanager
def given_from_python(arguments: list[str]) -> Iterator[None]:
    """Let arguments take the place of the command line's, in this thread."""
    token = _given.set(arguments)
    try:
        yield
    finally:
        _given.reset(token)


def quoted(value: object) -> str:
    """Return a text as Hydra's grammar needs it: `outputs/a` as it is, `'my runs'` in quotes."""
    text = str(value)
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS and text not in (".", "..."):
        return text
    text = text.replace("${", r"\${")  # not an interpolation
    text = re.sub(r"(\\*)'", lambda match: 2 * match[1] + r"\'", text)  # backslashes count only before a quote
    text = re.sub(r"(\\+)\Z", lambda match: 2 * match[1], text)
    return f"'{text}'"


def override(key: str, value: object) -> str:
    """Return `key=value` for Hydra, whatever characters the value has; a shell needs `pasteable` as well."""
    return f"{key}={quoted(value)}"


def pasteable(*words: str) -> str:
    """Return a command that can be pasted into bash and zsh: `python train.py "ckpt_path='my runs/a'"`."""
    return " ".join(map(_for_shell, words))


def script_command(script: str, *words: str) -> str:
    """Return the command that starts a script of this project, train.py for example, to be pasted where we are now."""
    return pasteable(python(), shown(Path(__file__).parents[2] / script), *words)


def python() -> str:
    """Return `python` where the shell finds this interpreter by that name, else its path."""
    here = Path(sys.executable)  # not resolved: the interpreter of an environment is a link to that of the system
    found = shutil.which("python")
    return "python" if found and Path(found).parent.resolve() == here.parent.resolve() else shown(here)


def shown(path: Path) -> str:
    """Return a path as people read it: relative where it is in the current folder."""
    return os.path.relpath(path) if path.absolute().is_relative_to(Path.cwd()) else str(path.absolute())


def resume_command(checkpoint_or_run: object, *overrides: str) -> str:
    """Return the command that goes on with a run."""
    return script_command("train.py", override("ckpt_path", checkpoint_or_run), *overrides)


def _for_shell(word: str) -> str:
    inside = shlex.quote(word)
    return f'"{word}"' if "'" in word and not re.search(r'["$`\\!]', word) else inside


def is_override(argument: str) -> bool:
    """Tell whether an argument of train.py is an override, `key=value` or `~key`, and no option."""
    return not argument.startswith("-") and _OVERRIDE.match(argument) is not None


def overrides_in(arguments: list[str]) -> list[str]:
    """Return the overrides of a command line, without options and their values."""
    before = ["", *arguments]
    return [a for a, last in zip(arguments, before, strict=False) if is_override(a) and last not in _FLAGS_WITH_VALUE]


def options_first(arguments: list[str]) -> list[str]:
    """Return a command line with its options before its overrides: Hydra's parser does not take them by turns."""
    before = ["", *arguments]
    option = [a.startswith("-") or last in _FLAGS_WITH_VALUE for a, last in zip(arguments, before, strict=False)]
    return [a for first in (True, False) for a, is_option in zip(arguments, option, strict=True) if is_option == first]


def key_of(argument: str) -> str:
    """Return the key, or the group with its package, of an override: `model/update@model.generator`."""
    return argument.partition("=")[0].lstrip("+~")


def value_of(argument: str) -> Any:
    """Return the value of an override as Hydra reads it.

    Raises:
        OverrideParseException: Hydra cannot read it.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create().parse_override(argument).value()


def combined(earlier: Iterable[str], later: Iterable[str]) -> list[str]:
    """Join the overrides of two command lines; where both have a key, the later one counts, in its own place."""
    earlier, later = list(earlier), list(later)
    again = {key_of(o) for o in later}
    added = {key_of(o) for o in earlier if o.startswith("+")}  # not in the configuration files
    kept = [o for o in earlier if key_of(o) not in again]
    for argument in later:
        if key_of(argument) not in added or argument.startswith("+"):
            kept.append(argument)
        elif not argument.startswith("~"):
            kept.append(f"++{argument}")
    return kept
