"""The commands in a document: each command of this project parses its arguments, and composes its configuration."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import re
import shlex
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from support.documents import PACKAGES, blocks, commands, spans

SCRIPTS = ("train.py", "evaluate.py", "generate.py", "explore.py", "report.py")
HYDRA_FLAGS = {"-m": 0, "--multirun": 0, "--help": 0, "--cfg": 1, "-sc": 1}  # and the words that follow each
Compose = Callable[[tuple[str, ...]], Any]


def all_commands(text: str) -> Iterator[list[str]]:
    """Return the commands of a document, in its blocks of shell text and in its prose."""
    for block in blocks(text):
        if block.language == "bash":
            yield from commands(block.code)
    for span in spans(text):
        if re.match(r"(python|python3|\.venv/bin/\w+|torchrun|srun) ", span):
            yield from commands(span)


def command_problems(text: str, compose: Compose) -> list[str]:
    """Let each command of this project parse its arguments; `compose` builds what overrides of train.py say."""
    try:
        every = list(all_commands(text))
    except ValueError as error:
        return [f"a command cannot be split into words: {error}"]
    found = []
    for words in every:
        try:
            _understand(words, compose)
        except Exception as error:
            found.append(f"{shlex.join(words)}: {' '.join(str(error).split())}")
    return found


def _understand(words: list[str], compose: Compose) -> None:
    for i, word in enumerate(words):
        if word == "train.py":
            compose(tuple(_overrides(words[i + 1 :])))
        elif word in SCRIPTS:
            _parse(importlib.import_module(word.removesuffix(".py"))._options, words[i + 1 :])
        elif i and word == "-m" and "python" in words[i - 1] and words[i + 1].partition(".")[0] in PACKAGES:
            package = words[i + 1] in PACKAGES
            module = importlib.import_module(words[i + 1] + (".__main__" if package else ""))
            _parse(module.main, words[i + 2 :])
        else:
            continue
        return


class Understood(BaseException):
    """The command line was parsed: its program need not go on."""


def _parse(program: Callable[[list[str]], Any], arguments: list[str]) -> None:
    """Run a program until it has parsed its command line."""
    parse = argparse.ArgumentParser.parse_args

    def only(parser: argparse.ArgumentParser, *given: Any) -> Any:
        parse(parser, *given)
        raise Understood

    said = io.StringIO()
    try:
        with mock.patch("argparse.ArgumentParser.parse_args", only), contextlib.redirect_stderr(said):
            program(arguments)
    except Understood:
        pass
    except SystemExit:
        raise ValueError(said.getvalue()) from None


def _overrides(arguments: list[str]) -> Iterator[str]:
    """Return what train.py hands to Hydra's composition, without flags; of a sweep, the first job's."""
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            yield word
        elif word not in HYDRA_FLAGS:
            raise ValueError(f"train.py has no {word}")
        else:
            for _ in range(HYDRA_FLAGS[word]):
                next(words)
