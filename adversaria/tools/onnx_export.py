"""Writing an exported program as ONNX, and checking it with onnxruntime."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adversaria.config.errors import ConfigError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
METADATA = "adversaria"  # key of what the tensors mean, in the file's metadata
CHECKED_ROWS = (1, 5)  # sizes of batches, others than that of the example
TOLERANCE = 1e-3  # of images, whose values are of the order 1: onnxruntime sums in another order


def write_onnx(program: torch.export.ExportedProgram, inputs: dict[str, Tensor], meaning: Any, file: Path) -> None:
    """Write a program, and check that onnxruntime computes the same for other sizes of batches.

    Args:
        program: maps tensors of any number of rows to one tensor.
        inputs: an example of each, by name.
        meaning: plain data for the file's metadata.
        file: the file to write.

    Raises:
        ConfigError: ONNX cannot express the network.
    """
    import torch

    output = "images" if "noise" in inputs else "logits"
    try:
        converted = torch.onnx.export(
            program, dynamo=True, verbose=False, input_names=list(inputs), output_names=[output]
        )
        assert converted is not None
        converted.model.metadata_props[METADATA] = json.dumps(meaning)
        converted.save(file, external_data=False)
    except torch.onnx.OnnxExporterError as error:
        raise ConfigError(f"ONNX cannot express this network ({error}); export it as .pt2") from error
    _check(program, inputs, file)


def _check(program: torch.export.ExportedProgram, inputs: dict[str, Tensor], file: Path) -> None:
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    for rows in CHECKED_ROWS:
        given = {name: torch.cat([value] * rows)[:rows] for name, value in inputs.items()}
        with torch.no_grad():
            expected = program.module()(*given.values())
        if not torch.allclose(_run(session, given), expected, atol=TOLERANCE, rtol=TOLERANCE):
            raise ConfigError(f"onnxruntime computes something else than PyTorch for {rows} rows; export it as .pt2")


def _run(session: Any, inputs: dict[str, Tensor]) -> Tensor:
    import torch

    (found,) = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    return torch.from_numpy(found)


def check_packages() -> None:
    """Check that the packages are there, without importing them.

    Raises:
        ConfigError: one is not.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f".onnx needs the package {missing[0]}: pip install -e '.[export]'")
