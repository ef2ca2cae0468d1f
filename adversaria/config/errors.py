"""Errors that a user can cause and cure: one sentence each, without a traceback."""

from __future__ import annotations

import difflib
import io
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adversaria.config.endings import ends_quietly

CONF = Path(__file__).resolve().parents[2] / "conf"


class UserError(Exception):
    """Something that the user can put right; its text names the cause and the cure."""


class ConfigError(UserError):
    """A configuration key with a wrong name, type or value."""


class DataError(UserError):
    """Data that is missing, damaged or not what was asked for."""


class UnreadableImage(DataError):
    """An image that cannot be read, which may be left out.

    Attributes:
        found: what is wrong with it, without the cure.
    """

    def __init__(self, found: str, cure: str) -> None:
        super().__init__(f"{found}; {cure}")
        self.found = found


class CheckpointError(UserError):
    """A checkpoint that is missing, damaged or of another model."""


class SavingError(UserError):
    """A disk that is full, or cannot be written to."""


class DivergedError(UserError):
    """A training whose losses or weights became NaN or infinite."""


class Refused(SystemExit):
    """A user error that ends a command from within a library that catches all other exceptions."""


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
    """Print user errors, and what libraries find wrong with a command, as one line on stderr; leave with status 2.

    Ctrl+C, and output whose reader has gone (`| head -1`), end without a word.
    """
    print_in_any_locale()
    try:
        with ends_quietly():
            yield
    except (UserError, Refused) as error:
        fail(str(error))
    except Exception as error:
        from adversaria.config.foreign_errors import describe_error  # which imports this module

        sentence = describe_error(error)
        if sentence is None:
            raise
        fail(sentence)


def print_in_any_locale() -> None:
    """Print what the terminal's character set lacks, as the bar's bullet in ASCII, as `?`."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def fail(sentence: str) -> None:
    """Print the sentence on stderr and leave with status 2."""
    line = re.sub(r"[\x00-\x1f\x7f-\x9f]", "?", " ".join(sentence.splitlines()))  # a value in it may be any text
    print(f"error: {line}", file=sys.stderr)
    raise SystemExit(2)


def options(group: str) -> list[str]:
    """Return the choices of a configuration group: `options("data")` is `["celeba", …]`."""
    files = (CONF / group).rglob("*.yaml") if group == "experiment" else (CONF / group).glob("*.yaml")
    names = (f.relative_to(CONF / group).with_suffix("").as_posix() for f in files)
    return sorted(n for n in names if not n.startswith("_"))
