"""A module's weights as a `.safetensors` file, with what rebuilds it in the metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from adversaria.config.errors import ConfigError
from adversaria.runs.safe_file import ENTRY, read_entry
from lightning_modules.checkpoint import AVERAGE, KEY, entry_of

AVERAGED = "averaged"  # in the entry of a small file: the part whose live weights were left out
KEPT = ("iteration", "images", "started_from", "model", "versions")  # of a checkpoint's entry: no state of a training


def save(module: Any, file: Path, small: bool = False) -> None:
    """Write the weights of a module, live and averaged.

    Args:
        module: the module.
        file: the file to write.
        small: write numbers of half precision, and of live and averaged weights the average alone. `read` returns
            single precision, and the average as both.

    Raises:
        ConfigError: the module was built by hand.
    """
    if module.config is None:
        raise ConfigError(f"{type(module).__name__} was built by hand: its file could not say how to build it again")
    weights = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    entry = {key: value for key, value in entry_of(module).items() if key in KEPT}
    if small:
        entry[AVERAGED] = module.averaged
        doubled = _live(weights, module.averaged)
        weights = {name: w.half() if w.is_floating_point() else w for name, w in weights.items() if name not in doubled}
    content = safetensors.torch.save(weights, {"format": "pt", ENTRY: json.dumps(entry)})
    file.write_bytes(content)  # the library's own writing makes a file that its owner alone can read


def read(file: Path) -> dict[str, Any]:
    """Return what a checkpoint would hold: the `state_dict` and our entry, neither of which is checked.

    Raises:
        FileError: the file is damaged or of another kind.
    """
    entry, weights = read_entry(file), safetensors.torch.load_file(str(file))
    weights = {name: value.float() if value.dtype is torch.float16 else value for name, value in weights.items()}
    live = _live(weights, entry.get(AVERAGED) if isinstance(entry, dict) else None)
    return {KEY: entry, "state_dict": {**live, **weights}}


def _live(weights: Mapping[str, Tensor], part: str | None) -> dict[str, Tensor]:
    """Return the averaged weights by the names of the live ones, of the part that is averaged."""
    averages = {name.removeprefix(AVERAGE): weight for name, weight in weights.items() if name.startswith(AVERAGE)}
    return {f"{part}.{name}": weight for name, weight in averages.items()} if part else {}
