"""Generate images with a trained model: `python generate.py RUN`; see `python generate.py --help`.

Modes are options, not subcommands: all other options mean the same in each mode, and plain samples need no mode.
"""

from __future__ import annotations

import argparse
import gc
from pathlib import Path

from adversaria.config.errors import one_sentence_errors
from adversaria.tools.arguments import add_device, add_run, add_sampler, add_version, positive, seed
from adversaria.tools.generate import Options, generate
from adversaria.tools.generate_modes import add_modes

EXAMPLES = """
examples:
  python generate.py outputs/gan_celeba/RUN                                  # one picture of 64, in the run folder
  python generate.py outputs/acgan_digits/RUN --label 3 --output threes.webp
  python generate.py outputs/gan_celeba/RUN -n 5000 --output samples         # samples/00000.png, 00001.png, ...
  python generate.py outputs/gan_celeba/RUN -n 5000 --output samples.npz     # images, noise, labels, label_names
  python generate.py outputs/acgan_celeba/RUN --label Smiling=1 --label Male=0
  python generate.py outputs/gan_celeba/RUN --interpolate 1 2 --output walks.mp4   # .png: a row for each walk
  python generate.py outputs/vae_celeba/RUN --traverse --output dimensions.png
  python generate.py outputs/vae_celeba/RUN --edit Smiling --output smiles.png
  python generate.py outputs/gan_celeba/RUN --project me.jpg --output me.png  # and me.npz, its latent
"""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    with one_sentence_errors():
        print(generate(_options(arguments)))


def _options(arguments: list[str] | None) -> Options:
    parser = argparse.ArgumentParser(
        description="Generate images with a trained VAE or GAN of any kind; the same seed gives the same images.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,  # the defaults are those of `Options`
    )
    add_run(parser)
    add_device(parser)
    add_version(parser)
    add = parser.add_argument
    add("-n", type=positive(int), help=f"number of images, of all rows together (default: {Options.n})")
    add(
        "--output",
        type=Path,
        metavar="PATH",
        help="FILE.png, .jpg, .webp, .gif, .mp4, .npz, or a folder (default: RUN/generated/…)",
    )
    add("--format", choices=["png", "grid", "npz", "film"], help="numbered files, picture, arrays, film (by suffix)")
    add("--overwrite", action="store_true", help="replace existing images")
    add("--seed", type=seed, help=f"seed of the noise (default: {Options.seed})")
    add("--label", action="append", metavar="NAME=VALUE", help="fix a label (of one label: VALUE); others alternate")
    add("--truncation", type=positive(float), metavar="T", help="bound of a GAN's noise (default: the run's)")
    add_sampler(parser)
    add("--live-weights", action="store_true", help="use a GAN's weights of the last step, not their average")
    add("--batch-size", type=positive(int), metavar="N", help=f"images at a time (default: {Options.batch_size})")
    add_modes(parser)
    options = Options(**vars(parser.parse_args(arguments)))
    if options.samples and not options.edit:
        parser.error("--samples is only for --edit")
    if options.project and options.n != Options.n:
        parser.error("-n is not for --project, which makes an image for each file")
    return options


if __name__ == "__main__":
    gc.disable()  # until the heavy imports are done, as in train.py
    main()
