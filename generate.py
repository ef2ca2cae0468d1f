"""Generate images with a trained model: `python generate.py RUN`; see `python generate.py --help`.

Modes are flags, not subcommands: model, output, seed and the rest mean the same in each, and plain samples, the usual
case, need no word.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from adversaria.config.errors import one_sentence_errors
from adversaria.tools.generate import generate

EXAMPLES = """
examples:
  python generate.py outputs/gan_celeba/RUN                                  # one picture of 64
  python generate.py outputs/gan_celeba/RUN -n 5000 --output samples         # samples/00000.png, 00001.png, ...
  python generate.py outputs/gan_celeba/RUN -n 5000 --output samples.npz     # images, noise, labels, label_names
  python generate.py outputs/acgan_celeba/RUN --label Smiling=1 --label Male=0
  python generate.py outputs/gan_celeba/RUN --interpolate 1 2 --output walks.png
  python generate.py outputs/vae_celeba/RUN --traverse --output dimensions.png
  python generate.py outputs/vae_celeba/RUN --edit Smiling --output smiles.png
"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    with one_sentence_errors():
        print(generate(_options(arguments)))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Generate images with a trained VAE, GAN, WGAN or ACGAN; the same seed gives the same images.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("run", type=Path, metavar="RUN_OR_CHECKPOINT", help="a run folder, or a checkpoint")
    add("-n", type=_positive(int), default=64, help="images, of all rows together (64)")
    add("--output", type=Path, default=Path("generated.png"), metavar="PATH", help="FILE.png, FILE.npz, or a folder")
    add("--format", choices=["png", "grid", "npz"], help="numbered files, one picture, arrays (by PATH's suffix)")
    add("--overwrite", action="store_true", help="replace what is there")
    add("--seed", type=int, default=0, help="of the noise (0)")
    add("--label", action="append", default=[], metavar="NAME=VALUE", help="once for each; others take turns")
    add("--truncation", type=_positive(float), metavar="T", help="bound of a GAN's noise (the run's)")
    add("--live-weights", action="store_true", help="a GAN's weights of the last step, not their average")
    add("--checkpoint", choices=["last", "best"], default="last", help="of a run folder (last)")
    add("--batch-size", type=_positive(int), default=256, metavar="N", help="images at a time (256)")
    add("--device", choices=["auto", "cpu", "cuda"], default="auto")
    modes = parser.add_argument_group("rows instead of samples").add_mutually_exclusive_group()
    add = modes.add_argument
    add("--interpolate", type=int, nargs=2, metavar="SEED", help="walk from the noise of one seed to another's")
    add("--traverse", type=int, nargs="*", metavar="DIM", help="VAE: single dimensions; those of largest KLD if none")
    add("--edit", metavar="ATTRIBUTE", help="VAE: test images along the attribute's direction in latent space")
    add = parser.add_argument
    add("--samples", action="store_true", help="edit samples instead of test images")
    add("--steps", type=_positive(int), default=7, help="images a row (7)")
    add("--reach", type=_positive(float), default=3.0, help="rows go from -reach to reach: standard deviations (3)")
    add("--root", metavar="PATH", help="another folder of the data that --edit and --traverse without DIM encode")
    options = parser.parse_args(arguments)
    if options.samples and not options.edit:
        parser.error("--samples goes with --edit")
    return options


def _positive(kind: type) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        if kind(text) <= 0:
            raise ValueError
        return kind(text)

    parse.__name__ = f"positive {kind.__name__}"  # for argparse's message
    return parse


if __name__ == "__main__":
    main()
