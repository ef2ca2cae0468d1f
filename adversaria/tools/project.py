"""Projecting images of one's own into a trained generator, shown beside what it makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError, DataError
from adversaria.config.limits import check_memory
from adversaria.images.files import check_output, format_of, scratch_beside
from adversaria.images.progress import progress
from adversaria.runs import run_folder
from adversaria.speed import settings
from adversaria.tools.generator import configure, load_generator, weights_of
from adversaria.tools.model_errors import model_errors

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image
    from torch import Tensor

    from adversaria.images.projection import Projection
    from adversaria.tools.generate import Options

MOST = 64  # images at once
ACTIVATIONS = 100  # bytes of a search for each value of an image, at least


def project(options: Options, output: Path, made: list[np.ndarray] | None = None, write: bool = True) -> str:
    """Project the images of `options.project`, write a picture and the latents; return a sentence on what was written.

    `output` is the picture, `made` gets the projections, (n, h, w, 3) uint8, and `write` says whether to write at all.

    Raises:
        UserError: an image cannot be read, the model cannot do it, or something exists at the output.
    """
    _, file = run_folder.find(options.run, options.checkpoint)
    arrays = _check_outputs(options, output) if write else output
    pictures = _read(options.project)
    settings.keep_memory()
    import torch

    from adversaria.images import projection
    from adversaria.images.grid import to_uint8
    from adversaria.runs.library_state import for_a_run
    from datamodules.images import normalize
    from datamodules.readers.decoding import square

    with for_a_run(), model_errors(file):
        module = load_generator(file, options.device).requires_grad_(False)
        configure(module, file, options)
        parts = [square(picture, module.image_size, min(1.0, options.crop)) for picture in pictures]
        images = torch.stack([torch.tensor(part).permute(2, 0, 1) for part in parts])
        check_memory(ACTIVATIONS * images.numel() * options.starts, "--starts")
        images = normalize(images.to(module.device), module.value_range)
        labels = _labels(module, options.label, images)
        shown = lambda steps: progress(steps, "projecting")  # noqa: E731
        found = projection.project(module, images, labels, options.project_steps, options.starts, options.seed, shown)
        if made is not None:
            made.append(to_uint8(found.images, module.value_range))
        if write:
            _write(module, images, labels, found, options.project, output, arrays)
    nearest = ", ".join(f"{mse:.4f}" for mse in found.mse.tolist()[:8])
    return (
        f"{len(pictures)} images projected, {weights_of(module)} weights, MSE {nearest}"
        f"{', …' if len(pictures) > 8 else ''}: {output}, and their latents: {arrays}"
    )


def _check_outputs(options: Options, output: Path) -> Path:
    """Check where the picture and the latents go; return the file of the latents."""
    if (options.format or format_of(output)) != "grid" or output.suffix.lower() == ".npz":
        raise ConfigError(f"--output {output}: --project writes a picture; give a name that ends in .png or .jpg")
    arrays = output.with_suffix(".npz")
    check_output(output, "grid", options.overwrite)
    check_output(arrays, "npz", options.overwrite)
    return arrays


def _read(files: Sequence[Path]) -> list[Image.Image]:
    from datamodules.readers.decoding import MAX_FILE, decode
    from datamodules.readers.files import read_file

    if len(files) > MOST:
        raise ConfigError(f"--project: {len(files)} images at once are too many; give at most {MOST}")
    missing = [file for file in files if not file.exists()]
    if missing:
        raise DataError(f"--project {missing[0]}: there is no such file")
    return [decode(read_file(file, MAX_FILE), str(file), "give another file") for file in files]


def _labels(module: Any, given: Sequence[str], images: Tensor) -> Tensor | None:
    """Return the labels of the images: those given, and of the others what the model recognises; None without any.

    Raises:
        ConfigError: the model recognises none, and not all were given.
    """
    from adversaria.images.sampling import labels_from_text, name_and_value

    chosen = labels_from_text(module, given, len(images))
    if chosen is None:
        return None
    fixed = {name_and_value(text, module.labels)[0] for text in given}
    missing = [name for name in module.labels if name not in fixed]
    if not missing:
        return chosen
    if not hasattr(module, "recognise"):
        cure = " ".join(f"--label {name}=VALUE" for name in missing)
        raise ConfigError(f"--project: {type(module).__name__} does not recognise labels; give {cure}")
    seen: Tensor = module.recognise(images)
    for column, name in enumerate(module.labels):
        if name in fixed:
            seen[:, column] = chosen[:, column]
    return seen


def _write(
    module: Any,
    images: Tensor,
    labels: Tensor | None,
    found: Projection,
    files: Sequence[Path],
    output: Path,
    arrays: Path,
) -> None:
    import numpy as np

    from adversaria.images.grid import to_uint8

    given, made = (to_uint8(part, module.value_range) for part in (images, found.images))
    with scratch_beside(arrays) as scratch, scratch.open("wb") as stream:
        np.savez(
            stream,
            noise=found.noise.cpu().numpy(),
            labels=np.empty((len(images), 0), int) if labels is None else labels.cpu().numpy(),
            label_names=np.array([] if labels is None else module.labels, str),
            images=made,
            originals=given,
            mse=found.mse.cpu().numpy(),
            feature_distance=found.feature_distance.cpu().numpy(),
            files=np.array([file.name for file in files], str),
        )
        scratch.replace(arrays)
    low, high = module.value_range
    title = f"Images and their projections; MSE on ({low:g}, {high:g})"
    with scratch_beside(output) as scratch:
        _draw(given, made, found.mse.tolist(), title, scratch)
        scratch.replace(output)


def _draw(given: np.ndarray, made: np.ndarray, errors: Sequence[float], title: str, file: Path) -> None:
    from matplotlib.figure import Figure

    columns = min(8, len(given))
    rows = -(-len(given) // columns)
    figure = Figure(figsize=(max(4, 1.2 * columns), 2.7 * rows + 0.4), layout="constrained")
    axes = figure.subplots(2 * rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.axis("off")
    for number, (first, second, error) in enumerate(zip(given, made, errors, strict=True)):
        row, column = divmod(number, columns)
        axes[2 * row, column].imshow(first)
        axes[2 * row + 1, column].imshow(second)
        axes[2 * row + 1, column].set_title(f"{error:.4f}", fontsize=8, y=-0.25)
    figure.suptitle(title, fontsize=9)
    figure.savefig(file, dpi=150)
