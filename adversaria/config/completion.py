"""Tab completion without what is private: files of groups, and keys, whose names begin with an underscore."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator, Sequence

PRIVATE = re.compile(r"[./=,@]_")  # within a word of the command line
FLAGS = ("-sc", "--shell-completion")


@contextlib.contextmanager
def without_private_names(arguments: Sequence[str], typed: str) -> Iterator[None]:
    """Leave private names out of what Hydra offers a shell, unless one is being typed.

    Args:
        arguments: those of train.py.
        typed: the line that is completed, from the shell's `COMP_LINE`.
    """
    if not any(text.startswith("query=") for text in arguments) or not set(FLAGS) & set(arguments):
        yield
        return
    with contextlib.redirect_stdout(io.StringIO()) as offered:
        yield
    sys.stdout.write(public(offered.getvalue(), typed))


def public(offered: str, typed: str) -> str:
    """Return the words of what is offered that are not private; they stay parted as they were."""
    if PRIVATE.search(typed.rpartition(" ")[2]):
        return offered
    between = "\n" if "\n" in offered.strip() else " "
    return between.join(word for word in offered.split() if not PRIVATE.search(word)) + "\n"
