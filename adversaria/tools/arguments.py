"""Arguments that several command lines share."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adversaria.config.version import version


def add_run(parser: argparse.ArgumentParser) -> None:
    """Add the run folder or checkpoint to use, and which checkpoint of a run folder."""
    parser.add_argument("run", type=Path, metavar="RUN_OR_CHECKPOINT", help="a run folder, or a checkpoint")
    parser.add_argument(
        "--checkpoint", choices=["last", "best"], default="last", help="which one of a run folder (default: last)"
    )


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add `--version`."""
    parser.add_argument("--version", action="version", version=version())


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the device to use."""
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto is the GPU if there is one"
    )


def positive(kind: type) -> Callable[[str], Any]:
    """Return a parser of positive finite numbers of this type, `int` or `float`, for argparse."""

    def parse(text: str) -> Any:
        if not 0 < kind(text) < math.inf:
            raise ValueError
        return kind(text)

    parse.__name__ = f"positive {kind.__name__}"  # argparse puts it into its error message
    return parse


def seed(text: str) -> int:
    """Parse a seed, from 0 to 2^32 - 1 as those of train.py, for argparse."""
    if not 0 <= int(text) < 2**32:
        raise ValueError
    return int(text)
