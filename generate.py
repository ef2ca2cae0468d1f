"""Generate images with a trained model: `python generate.py RUN`; see `python generate.py --help`.

Modes are flags, not subcommands: model, output, seed and the rest mean the same in each, and plain samples, the usual
case, need no word. A mode only lays out latents in rows; one loop decodes them all.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria import evaluation, performance, run_folder
from adversaria.errors import ConfigError, one_sentence_errors
from adversaria.instantiate import instantiate
from callbacks.image_files import check_free, format_of, write
from datamodules.sources import label_columns

if TYPE_CHECKING:
    from torch import Tensor

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
    options = _options(arguments)
    with one_sentence_errors():
        folder, file = run_folder.find(options.run, options.checkpoint)
        kind = options.format or format_of(options.output)
        check_free(options.output, kind, options.overwrite)
        data = None
        if options.edit or options.traverse == []:
            if folder is None:
                raise ConfigError(f"{file} is in no run folder, whose config.yaml names the images to encode")
            data = evaluation.configuration(folder, root=options.root)["data"]
        performance.keep_memory()
        import numpy as np
        import torch
        from rich.progress import track

        from callbacks.sampling import chosen_labels, pixel_batches

        with torch.inference_mode():
            module = load(file, options.device)
            configure(module, file, options)
            walks = latents(module, options, instantiate(data))
            rows, steps = walks.shape[:2]
            noise, labels = walks.flatten(0, 1), chosen_labels(module, options.label, rows)
            if labels is not None:
                labels = labels.repeat_interleave(steps, 0)
            batches = pixel_batches(module, noise, labels, options.batch_size)
            total = math.ceil(len(noise) / options.batch_size)
            write(
                track(batches, "generating", total, transient=True),
                options.output,
                kind,
                columns=steps if steps > 1 else math.ceil(math.sqrt(rows)),
                noise=noise.cpu().numpy(),
                labels=np.empty((len(noise), 0), int) if labels is None else labels.cpu().numpy(),
                label_names=np.array([] if labels is None else module.labels, str),
            )
        weights = "averaged" if getattr(module, "ema", None) is not None else "live"
        print(f"{len(noise)} images of iteration {module.iteration}, {weights} weights: {options.output}")


def load(file: Path, device: str) -> Any:
    """Load a model that generates images, onto the device `auto`, `cpu` or `cuda`.

    Raises:
        CheckpointError: the file is no readable checkpoint.
        ConfigError: the model generates none, or there is no such device.
    """
    place = evaluation.device(device)
    import lightning_modules
    from lightning_modules.abilities import Sampler

    module: Any = lightning_modules.load(file)
    name, samples = type(module).__name__, isinstance(module, Sampler)
    if not samples:
        raise ConfigError(f"{file} is of {name}, which generates no images; give a VAE, GAN, WGAN or ACGAN")
    performance.channels_last(module)
    return module.to(place)


def configure(module: Any, file: Path, options: argparse.Namespace) -> None:
    """Set the model as the options say.

    Raises:
        ConfigError: it cannot do what is asked.
    """
    from lightning_modules.abilities import Autoencoder

    name = type(module).__name__
    if (options.edit or options.traverse is not None) and not isinstance(module, Autoencoder):
        raise ConfigError(f"--traverse and --edit need a VAE, and {file} is of {name}; walk with --interpolate")
    if options.truncation is not None:
        if not hasattr(module, "truncation"):
            raise ConfigError(f"--truncation: {name} does not truncate its noise; leave it out")
        module.truncation = options.truncation
    if options.live_weights and hasattr(module, "ema"):
        module.ema = None


def latents(module: Any, options: argparse.Namespace, datamodule: Any) -> Tensor:
    """Return the latents to decode, (rows, steps, d); of plain samples, rows of one.

    Raises:
        ConfigError: the latent has no such dimension, the data no such attribute, or it does not fit the model.
        DataError: all images have the attribute, or none.
    """
    import torch

    from callbacks.interpolation import spherical
    from lightning_modules.latents import ENCODED, along, attribute_direction, encode, traverse
    from lightning_modules.losses import per_dimension_kld

    rows = max(1, options.n // options.steps)
    values = torch.linspace(-options.reach, options.reach, options.steps, device=module.device)
    if options.interpolate:
        first, second = (module.noise(rows, seed) for seed in options.interpolate)
        return spherical(first, second, options.steps)
    if options.traverse is not None:
        base, dimensions = module.noise(1, options.seed)[0], options.traverse
        if not dimensions:
            mu, logvar, _ = encode(module, datamodule, "train", ENCODED)
            dimensions = per_dimension_kld(mu, logvar).argsort(descending=True)[:rows].tolist()
        elif not all(0 <= d < len(base) for d in dimensions):
            raise ConfigError(f"--traverse: this model's dimensions are 0 to {len(base) - 1}")
        print("rows: dimensions", *dimensions)
        return traverse(base, dimensions, values)
    if options.edit:
        column = label_columns([options.edit], datamodule.attributes, "--edit")[0]
        mu, _, labels = encode(module, datamodule, "train", ENCODED)
        base = module.noise(rows, options.seed) if options.samples else encode(module, datamodule, "test", rows)[0]
        return along(base, attribute_direction(mu, labels[:, column] == 1), values)
    noise: Tensor = module.noise(options.n, options.seed)
    return noise.unsqueeze(1)


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
