"""Export a trained network for use without this project: `python -m adversaria.tools.export RUN --output net.pt2`.

`torch.export.load(FILE).module()` maps noise, and labels if conditional, to images; or images to logits.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError, one_sentence_errors
from adversaria.images.files import scratch_beside
from adversaria.runs import run_folder
from adversaria.tools.arguments import add_run, positive
from adversaria.tools.configuration import saved
from adversaria.tools.model_errors import model_errors

if TYPE_CHECKING:
    from torch import Tensor, nn

EXTRA = "adversaria.json"  # for `extra_files` of torch.export.load


def export(module: Any, file: Path, image_size: int | None = None) -> None:
    """Export a module's generator, with the averaged weights if there are any, or its classifier, for any batch size.

    The file's extra `adversaria.json` contains the `value_range` of the images, the names of the `labels`, and those of
    their `classes`, in the order of their numbers.

    Args:
        module: a module that `lightning_modules.load` returned.
        file: the file to write; an existing one is replaced.
        image_size: side of the images to classify, in pixels, for a network that takes images of any size.

    Raises:
        ConfigError: the module has neither generator nor classifier, or its classifier needs `image_size`.
    """
    import torch

    network, inputs = _network(module, image_size)
    with torch.no_grad():
        rows = torch.export.Dim("rows")
        program = torch.export.export(network.eval(), inputs, dynamic_shapes=tuple({0: rows} for _ in inputs))
    labels: list[str] = getattr(module, "labels", [])
    meaning = {"value_range": module.value_range, "labels": labels, "classes": getattr(module, "classes", {})}
    with scratch_beside(file) as scratch:
        torch.export.save(program, scratch, extra_files={EXTRA: json.dumps(meaning)})
        scratch.replace(file)


def _network(module: Any, image_size: int | None) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Return the network to export, and example inputs for tracing it."""
    import torch
    from torch import nn

    from lightning_modules.protocols import Autoencoder, Classifier, ConditionalSampler, Sampler

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module  # a submodule: its weights go into the program

        def forward(self, image: Tensor) -> Tensor:
            logits: Tensor = self.module.classify(image)
            return logits

    protocols = (Autoencoder, Sampler, ConditionalSampler, Classifier)
    encodes, samples, conditional, classifies = (isinstance(module, protocol) for protocol in protocols)
    if encodes:
        return module.network.decoder, (module.noise(2, seed=0),)
    if samples:
        generator = module.network.generator if module.ema is None else module.ema.network
        labels = (module.some_labels(2),) if conditional else ()
        return generator, (module.noise(2, seed=0), *labels)
    if not classifies:
        raise ConfigError(f"{type(module).__name__} has neither a generator nor a classifier to export")
    side = getattr(module, "image_size", None) or image_size
    if side is None:
        raise ConfigError("this network takes images of any size; give the side of yours in pixels with --image-size")
    return Logits(), (torch.zeros(2, 3, side, side),)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m adversaria.tools.export", description=__doc__)
    add_run(parser)
    parser.add_argument("--output", type=Path, default=Path("exported.pt2"), metavar="FILE.pt2")
    parser.add_argument(
        "--image-size",
        type=positive(int),
        metavar="SIDE",
        help="side of a classifier's images in pixels (default: the run's)",
    )
    with one_sentence_errors():
        options = parser.parse_args(arguments)
        folder, file = run_folder.find(options.run, options.checkpoint)
        if folder is not None and options.image_size is None:
            options.image_size = saved(folder)["data"].get("image_size")
        if options.output.suffix != ".pt2":
            raise ConfigError(f"--output {options.output}: the name of an exported program must end in .pt2")
        if options.output.is_dir():
            raise ConfigError(f"--output {options.output}: this is a folder; give the name of a file")
        import lightning_modules

        with model_errors(file):
            export(lightning_modules.load(file), options.output, options.image_size)
        print(f"exported to {options.output}")


if __name__ == "__main__":
    main()
