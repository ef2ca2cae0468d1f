"""Arguments that several command lines share."""

from __future__ import annotations

import argparse
import math
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from adversaria.config.errors import ConfigError, suggest
from adversaria.config.schema import conform
from adversaria.config.type_names import members
from adversaria.config.version import version

Options = TypeVar("Options")


def add_run(parser: argparse.ArgumentParser, number: Literal["?", "+"] | None = None) -> None:
    """Add the run folder or checkpoint to use, as many as argparse's `nargs` says, and which checkpoint of a folder."""
    help_ = "a run folder, a checkpoint, or a model that comes with the project: zoo:NAME"
    parser.add_argument("run", type=Path, metavar="RUN_OR_CHECKPOINT", nargs=number, help=help_)
    parser.add_argument(
        "--checkpoint", choices=["last", "best"], default="last", help="which one of a run folder (default: last)"
    )


def add_pictures(parser: argparse.ArgumentParser) -> None:
    """Add what measures a folder of pictures instead of a model; see `adversaria.tools.measure.Options`."""
    add = parser.add_argument_group("pictures that any program made, instead of those of a model").add_argument
    add("--images", type=Path, metavar="DIR", help="measure the pictures in this folder, against the data of RUN, or")
    add("--against", type=Path, metavar="DIR", help="against the pictures in another folder, or")
    add("--reference", type=Path, metavar="FILE", help="against a reference file")
    add("--save-reference", type=Path, metavar="FILE.npz", help="write a reference file of RUN's data or of --against")
    add("--classifier", type=Path, metavar="RUN", help="the classifier whose features are compared (or --metrics)")
    add("--resize", action="store_true", help="cut the centre square of pictures of another size, and resize it")


def add_version(parser: argparse.ArgumentParser) -> None:
    """Add `--version`."""
    parser.add_argument("--version", action="version", version=version())


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the device to use."""
    parser.add_argument(
        "--device", choices=["auto", "cpu", "cuda"], default="auto", help="auto is the GPU if there is one"
    )


def add_sampler(parser: argparse.ArgumentParser) -> None:
    """Add what a VAE's latents are drawn from."""
    help_ = "VAE: what latents are drawn from, N(0, I) or the density fitted after the training (default: prior)"
    parser.add_argument("--sampler", choices=["prior", "mixture"], default="prior", help=help_)


def from_keywords(kind: type[Options], **given: Any) -> Options:
    """Build the options of a tool from keywords instead of a command line; paths may be text.

    Raises:
        ConfigError: there is no such option, or its value is of another type or out of range.
    """
    kinds = typing.get_type_hints(kind, include_extras=True)
    for name, value in given.items():
        if name not in kinds:
            raise ConfigError(f"{name}: there is no such option{suggest(name, kinds)}")
        if Path in members(kinds[name]) and value is not None:
            given[name] = Path(value).expanduser()
        elif kinds[name] == Sequence[Path]:
            given[name] = [Path(file).expanduser() for file in value]
        else:
            conform(value, kinds[name], name)
    return kind(**given)


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
