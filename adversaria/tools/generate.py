"""Generate images with a trained model, and write them."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from adversaria.config.errors import ConfigError
from adversaria.config.instantiate import instantiate
from adversaria.config.limits import check_memory
from adversaria.config.types import LatentSampler, Positive, PositiveInt, Seed
from adversaria.images.files import Format, check_output, format_of, write_images
from adversaria.images.progress import progress
from adversaria.runs import run_folder, zoo
from adversaria.speed import settings
from adversaria.tools.configuration import run_configuration
from adversaria.tools.generator import configure, load_generator, weights_of
from adversaria.tools.latent_rows import latent_rows
from adversaria.tools.model_errors import model_errors
from adversaria.tools.project import project

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to generate, with which model, and where to write it. At most one of the four modes can be set.

    Attributes:
        run: a run folder, or a checkpoint.
        checkpoint: which checkpoint of a run folder.
        live_weights: whether to use a GAN's weights of the last step instead of their average.
        output: file or folder to write; None for a new picture in `generated` of the run folder.
        format: `png` for a folder of numbered files, `grid` for one picture, `film` for an animation, `npz` for arrays;
            None to decide by the suffix of `output`.
        overwrite: whether existing images may be replaced.
        n: number of images, those of all rows together.
        seed: seed of the noise.
        label: `NAME=VALUE` of the labels to fix, `VALUE` where there is one label; the others' values alternate.
        truncation: bound of a GAN's noise; None for the model's own.
        sampler: what a VAE's latents are drawn from: `prior`, or `mixture`, the density fitted to them.
        interpolate: mode: two seeds; each row goes from the noise of the first to that of the second.
        traverse: mode, for a VAE: each row varies one of these latent dimensions; if empty, those of largest KLD.
        edit: mode, for a VAE: each row changes this attribute of a test image.
        samples: whether `edit` changes samples instead of test images.
        steps: number of images in a row.
        reach: a row of `traverse` or `edit` goes from -reach to reach. The unit is one standard deviation of the prior
            for `traverse`, and the attribute's direction for `edit`.
        root: another folder of the data that `edit`, and `traverse` without dimensions, need.
        project: mode: image files, to find the latents of the nearest images.
        project_steps: steps of the optimization.
        starts: latents that each image's optimization starts from.
        crop: side of the centre square of these files, as a fraction of the width.
        batch_size: number of images that are generated at a time.
        device: `auto`, `cpu` or `cuda`.
    """

    run: Path
    checkpoint: Literal["last", "best"] = "last"
    live_weights: bool = False
    output: Path | None = None
    format: Format | None = None
    overwrite: bool = False
    n: PositiveInt = 64
    seed: Seed = 0
    label: Sequence[str] = ()
    truncation: Positive | None = None
    sampler: LatentSampler = "prior"
    interpolate: Sequence[Seed] | None = None
    traverse: Sequence[int] | None = None
    edit: str | None = None
    samples: bool = False
    steps: PositiveInt = 7
    reach: Positive = 3.0
    root: str | None = None
    project: Sequence[Path] = ()
    project_steps: PositiveInt = 300
    starts: PositiveInt = 4
    crop: Positive = 1.0
    batch_size: PositiveInt = 256
    device: Literal["auto", "cpu", "cuda"] = "auto"

    @property
    def needs_data(self) -> bool:
        """Whether images of the run's data set have to be encoded."""
        return self.edit is not None or (self.traverse is not None and not self.traverse)


def generate(options: Options, images: list[np.ndarray] | None = None, write: bool = True) -> str:
    """Generate images; return a sentence that says what was written.

    Args:
        options: what to generate.
        images: gets the images, in batches (b, h, w, 3) uint8.
        write: whether to write them.

    Raises:
        UserError: the model cannot do what is asked, or not be used at all, or something exists at the output.
    """
    folder, file = run_folder.find(options.run, options.checkpoint)
    output = options.output or new_output(folder, options)
    if options.project:
        return project(options, output, images, write)
    kind = options.format or format_of(output)
    if write:
        check_output(output, kind, options.overwrite)
    data = None
    if options.needs_data and folder is not None:
        data = run_configuration(folder, root=options.root)["data"]
    elif options.needs_data and not zoo.has_directions(file):
        raise ConfigError(f"{file} is not in a run folder, so its data is not known; give the run folder")
    settings.keep_memory()
    import torch

    from adversaria.runs.library_state import for_a_run

    with for_a_run(), torch.inference_mode(), model_errors(file):
        module = load_generator(file, options.device)
        configure(module, file, options)
        _check_count(module, options, kind if images is None else "npz")
        rows = latent_rows(module, options, instantiate(data), file)
        _decode(module, rows, options, kind, images, output if write else None)
    count = rows.shape[:2].numel()
    return f"{count} images of iteration {module.iteration}, {weights_of(module)} weights: {output}"


def new_output(folder: Path | None, options: Options) -> Path:
    """Return a file or folder that does not exist: in the run folder where one may write there, else in the current."""
    within = folder if folder is not None and os.access(folder, os.W_OK) else Path()
    mode = next((name for name in ("project", "interpolate", "traverse", "edit") if _is_set(options, name)), "samples")
    suffix = {None: ".png", "grid": ".png", "film": ".gif", "npz": ".npz", "png": ""}[options.format]
    names = (within / "generated" / f"{mode}_{number:03d}" for number in itertools.count())
    return next(Path(f"{n}{suffix}") for n in names if not any(Path(f"{n}{s}").exists() for s in (suffix, ".npz")))


def _is_set(options: Options, name: str) -> bool:
    return getattr(options, name) not in (None, ())


def _check_count(module: Any, options: Options, kind: Format) -> None:
    """Check that the noise fits into memory, and the images too where they are collected, twice for a grid's picture.

    Raises:
        ConfigError: they do not.
    """
    image = 0 if kind == "png" else 2 * 3 * module.image_size**2
    noise = 2 * 4 * int(module.noise(1, seed=0).shape[1])
    key = "-n" if options.n >= options.steps else "--steps"
    check_memory(max(options.n, options.steps) * (noise + image), key)


def _decode(
    module: Any, rows: Tensor, options: Options, kind: Format, images: list[np.ndarray] | None, output: Path | None
) -> None:
    """Generate the images of (rows, steps, d) latents, keep them, and write them, with what they were made from."""
    import numpy as np

    from adversaria.images.sampling import labels_from_text, pixel_batches

    count, steps = rows.shape[:2]
    noise, labels = rows.flatten(0, 1), labels_from_text(module, options.label, count)
    if labels is not None:
        labels = labels.repeat_interleave(steps, 0)
    batches: Iterable[np.ndarray] = pixel_batches(module, noise, labels, options.batch_size)
    batches = progress(batches, "generating", math.ceil(len(noise) / options.batch_size))
    if images is not None:
        images += batches
        batches = images
    if output is None:
        return
    write_images(
        batches,
        output,
        kind,
        steps,
        noise=noise.cpu().numpy(),
        labels=np.empty((len(noise), 0), int) if labels is None else labels.cpu().numpy(),
        label_names=np.array([] if labels is None else module.labels, str),
    )
