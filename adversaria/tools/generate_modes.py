"""The options of generate.py that make other images than samples: rows, and projections."""

from __future__ import annotations

import argparse
from pathlib import Path

from adversaria.tools.arguments import positive, seed
from adversaria.tools.generate import Options


def add_modes(parser: argparse.ArgumentParser) -> None:
    """Add the modes, of which one can be chosen, and the options of each."""
    modes = parser.add_argument_group("modes, instead of samples").add_mutually_exclusive_group().add_argument
    modes("--interpolate", type=seed, nargs=2, metavar="SEED", help="rows: from the noise of one seed to another's")
    modes("--traverse", type=int, nargs="*", metavar="DIM", help="VAE: rows: single dimensions (of largest KLD)")
    modes("--edit", metavar="ATTRIBUTE", help="VAE: rows: change an attribute of test images")
    modes("--project", type=Path, nargs="+", metavar="FILE", help="images of yours beside the nearest that it makes")
    add = parser.add_argument_group("rows").add_argument
    add("--samples", action="store_true", help="edit samples instead of test images")
    add("--steps", type=positive(int), help=f"images in a row (default: {Options.steps})")
    add(
        "--reach",
        type=positive(float),
        help=f"rows of --traverse and --edit go from -reach to reach (default: {Options.reach:g})",
    )
    add("--root", metavar="PATH", help="another folder of the data that --edit and --traverse need")
    add = parser.add_argument_group("projection").add_argument
    add("--project-steps", type=positive(int), help=f"steps of the search (default: {Options.project_steps})")
    add("--starts", type=positive(int), help=f"latents that it starts from (default: {Options.starts})")
    add("--crop", type=positive(float), help="part of the width that is taken, around the centre (default: 1)")
