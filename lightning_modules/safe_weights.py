"""A module's weights as a `.safetensors` file, with what rebuilds it in the metadata."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import safetensors.torch

from adversaria.config.errors import ConfigError
from adversaria.runs.safe_file import ENTRY, read_entry
from lightning_modules.checkpoint import KEY, entry_of

KEPT = ("iteration", "images", "started_from", "model", "versions")  # of a checkpoint's entry: no state of a training


def save(module: Any, file: Path) -> None:
    """Write the weights of a module, live and averaged.

    Raises:
        ConfigError: the module was built by hand.
    """
    if module.config is None:
        raise ConfigError(f"{type(module).__name__} was built by hand: its file could not say how to build it again")
    weights = {name: value.detach().cpu().contiguous() for name, value in module.state_dict().items()}
    entry = {key: value for key, value in entry_of(module).items() if key in KEPT}
    content = safetensors.torch.save(weights, {"format": "pt", ENTRY: json.dumps(entry)})
    file.write_bytes(content)  # the library's own writing makes a file that its owner alone can read


def read(file: Path) -> dict[str, Any]:
    """Return what a checkpoint would hold: the `state_dict` and our entry, neither of which is checked.

    Raises:
        FileError: the file is damaged or of another kind.
    """
    return {KEY: read_entry(file), "state_dict": safetensors.torch.load_file(str(file))}
