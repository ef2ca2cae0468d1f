"""Generate images with a trained model. A mode lays out latents in rows; one loop decodes them all."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.images.files import check_free, format_of, write
from adversaria.runs import run_folder
from adversaria.speed import settings
from adversaria.tools import configuration
from datamodules.labels import label_columns

if TYPE_CHECKING:
    from torch import Tensor


def generate(options: argparse.Namespace) -> str:
    """Generate and write what the options of generate.py ask for; return a sentence on what was written.

    Raises:
        UserError: the model cannot do what is asked, or there is something at the output already.
    """
    folder, file = run_folder.find(options.run, options.checkpoint)
    kind = options.format or format_of(options.output)
    check_free(options.output, kind, options.overwrite)
    data = None
    if options.edit or options.traverse == []:
        if folder is None:
            raise ConfigError(f"{file} is in no run folder, whose config.yaml names the images to encode")
        data = configuration.configuration(folder, root=options.root)["data"]
    settings.keep_memory()
    import numpy as np
    import torch
    from rich.progress import track

    from adversaria.images.sampling import chosen_labels, pixel_batches

    with torch.inference_mode():
        module = load(file, options.device)
        configure(module, file, options)
        walks = latents(module, options, instantiate(data))
        rows, steps = walks.shape[:2]
        noise, labels = walks.flatten(0, 1), chosen_labels(module, options.label, rows)
        if labels is not None:
            labels = labels.repeat_interleave(steps, 0)
        batches = pixel_batches(module, noise, labels, options.batch_size)
        write(
            track(batches, "generating", math.ceil(len(noise) / options.batch_size), transient=True),
            options.output,
            kind,
            columns=steps if steps > 1 else math.ceil(math.sqrt(rows)),
            noise=noise.cpu().numpy(),
            labels=np.empty((len(noise), 0), int) if labels is None else labels.cpu().numpy(),
            label_names=np.array([] if labels is None else module.labels, str),
        )
    weights = "averaged" if getattr(module, "ema", None) is not None else "live"
    return f"{len(noise)} images of iteration {module.iteration}, {weights} weights: {options.output}"


def load(file: Path, device: str) -> Any:
    """Load a model that generates images, onto the device `auto`, `cpu` or `cuda`.

    Raises:
        CheckpointError: the file is no readable checkpoint.
        ConfigError: the model generates none, or there is no such device.
    """
    place = configuration.device(device)
    import lightning_modules
    from lightning_modules.protocols import Sampler

    module: Any = lightning_modules.load(file)
    name, samples = type(module).__name__, isinstance(module, Sampler)
    if not samples:
        raise ConfigError(f"{file} is of {name}, which generates no images; give a VAE, GAN, WGAN or ACGAN")
    settings.channels_last(module)
    return module.to(place)


def configure(module: Any, file: Path, options: argparse.Namespace) -> None:
    """Set the model as the options say.

    Raises:
        ConfigError: it cannot do what is asked.
    """
    from lightning_modules.protocols import Autoencoder

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

    from adversaria.images.interpolation import spherical
    from adversaria.images.latents import ENCODED, along, attribute_direction, encode, traverse
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
