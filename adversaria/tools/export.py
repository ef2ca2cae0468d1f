"""Export a trained network for use without this project: `python -m adversaria.tools.export RUN --output net.pt2`.

FILE.pt2 and FILE.onnx are a function from noise, and labels if conditional, to images; or from images to logits.
FILE.safetensors has the weights, of which `lightning_modules.load` and `init_from=` make the model again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError, one_sentence_errors
from adversaria.config.labels import value_names
from adversaria.images.files import scratch_beside
from adversaria.runs import run_folder
from adversaria.runs.safe_file import SUFFIX
from adversaria.tools.arguments import add_run, positive
from adversaria.tools.configuration import saved
from adversaria.tools.model_errors import model_errors
from adversaria.tools.onnx_export import check_packages, write_onnx

if TYPE_CHECKING:
    from torch import Tensor, nn

EXTRA = "adversaria.json"  # for `extra_files` of torch.export.load
PROGRAMS = (".pt2", ".onnx")
SUFFIXES = (*PROGRAMS, SUFFIX)


def export(module: Any, file: Path, image_size: int | None = None) -> None:
    """Export a module's generator, with the averaged weights if there are any, or its classifier, for any batch size.

    Args:
        module: a module that `lightning_modules.load` returned.
        file: the file to write, whose suffix says how: `.pt2` (its extra `adversaria.json` has what `meaning` returns),
            `.onnx` (the same in its metadata), or `.safetensors`, all weights of the module. An existing one is
            replaced.
        image_size: side of the images to classify, in pixels, for a network that takes images of any size.

    Raises:
        ConfigError: the module has neither generator nor classifier, or its classifier needs `image_size`; another
            suffix; a package is missing.
    """
    check_output(file)
    with scratch_beside(file) as scratch:
        if file.suffix == SUFFIX:
            from lightning_modules.safe_weights import save

            save(module, scratch)
        else:
            _write_program(module, scratch, image_size)
        scratch.replace(file)


def check_output(file: Path) -> None:
    """Check that a file of this name can be exported; this needs no torch.

    Raises:
        ConfigError: it cannot.
    """
    if file.suffix not in SUFFIXES:
        raise ConfigError(f"--output {file}: the name of an export must end in {', '.join(SUFFIXES)}")
    if file.is_dir():
        raise ConfigError(f"--output {file}: this is a folder; give the name of a file")
    if file.suffix == ".onnx":
        check_packages()


def meaning(module: Any) -> dict[str, Any]:
    """Return what the tensors of an exported program are, plain data.

    Returns:
        `value_range` of the images; the names of the `labels`, and the names of the `values` of each, in order; the
        `noise_dimension` of a generator.
    """
    labels = list(getattr(module, "labels", []))
    values = {name: value_names(name, getattr(module, "classes", None)) for name in labels}
    noise = {"noise_dimension": int(module.noise(1, seed=0).shape[1])} if hasattr(module, "noise") else {}
    return {"value_range": list(module.value_range), "labels": labels, "values": values, **noise}


def _write_program(module: Any, file: Path, image_size: int | None) -> None:
    import torch

    network, inputs = _network(module, image_size)
    with torch.no_grad():
        rows = torch.export.Dim("rows")
        shapes = tuple({0: rows} for _ in inputs)
        program = torch.export.export(network.eval(), tuple(inputs.values()), dynamic_shapes=shapes)
    if file.suffix == ".onnx":
        write_onnx(program, inputs, meaning(module), file)
    else:
        torch.export.save(program, file, extra_files={EXTRA: json.dumps(meaning(module))})


def _network(module: Any, image_size: int | None) -> tuple[nn.Module, dict[str, Tensor]]:
    """Return the network to export, and an example of each of its inputs, by name, for tracing it."""
    import torch
    from torch import nn

    from adversaria.images.sampling import generator_of
    from lightning_modules.protocols import Classifier, ConditionalSampler, Sampler

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module  # a submodule: its weights go into the program

        def forward(self, image: Tensor) -> Tensor:
            logits: Tensor = self.module.classify(image)
            return logits

    if isinstance(module, Sampler):
        labels = {"labels": module.some_labels(2)} if isinstance(module, ConditionalSampler) else {}
        return generator_of(module), {"noise": module.noise(2, seed=0), **labels}
    if not isinstance(module, Classifier):
        raise ConfigError(f"{type(module).__name__} has neither a generator nor a classifier to export")
    side = getattr(module, "image_size", None) or image_size
    if side is None:
        raise ConfigError("this network takes images of any size; give the side of yours in pixels with --image-size")
    return Logits(), {"images": torch.zeros(2, 3, side, side)}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m adversaria.tools.export",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_run(parser)
    parser.add_argument(
        "--output", type=Path, default=Path("exported.pt2"), metavar="FILE", help="FILE.pt2, .onnx, .safetensors"
    )
    parser.add_argument(
        "--image-size",
        type=positive(int),
        metavar="SIDE",
        help="side of a classifier's images in pixels (default: the run's)",
    )
    with one_sentence_errors():
        options = parser.parse_args(arguments)
        folder, file = run_folder.find(options.run, options.checkpoint)
        check_output(options.output)
        if folder is not None and options.image_size is None:
            options.image_size = saved(folder)["data"].get("image_size")
        import lightning_modules

        with model_errors(file):
            export(lightning_modules.load(file), options.output, options.image_size)
        print(f"exported to {options.output}")


if __name__ == "__main__":
    main()
