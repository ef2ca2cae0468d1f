"""The trained models that come with the project: `zoo:NAME` in the place of a path.

`zoo/NAME/` has what `adversaria.tools.push` writes for the hub, with small weights, and the record of the run.
"""

from __future__ import annotations

from pathlib import Path

from adversaria.config.errors import CheckpointError, suggest
from adversaria.config.loaded import MIB
from adversaria.runs.hub import PUSHED
from adversaria.runs.record import read_json

FOLDER = Path(__file__).parents[2] / "zoo"
PREFIX = "zoo:"
RECORD = "record.json"  # the name of the data, and what `adversaria.report.ledger` keeps of a run
DIRECTIONS = "directions.json"  # of a VAE's latent space, found in the data, which does not come along
LARGEST = 4 * MIB  # of the weights of one


def names() -> list[str]:
    """Return the names of the models, without `zoo:`."""
    return sorted(file.parent.name for file in FOLDER.glob(f"*/{PUSHED}"))


def local(path: Path) -> Path:
    """Return the folder of a model of the zoo; any other path as it is.

    Args:
        path: `zoo:NAME`, or a path.

    Raises:
        CheckpointError: there is no such model.
    """
    if not str(path).startswith(PREFIX):
        return path
    name = str(path).removeprefix(PREFIX)
    if name not in names():
        raise CheckpointError(f"{path}: no such model comes with the project{suggest(name, names())}")
    return FOLDER / name


def data_of(path: Path) -> str | None:
    """Return the name of the data that a model of the zoo was trained on, as of `data=NAME`; None for any other."""
    folder = local(path)
    name: str | None = None if folder == path else read_json(folder / RECORD, {}).get("data")
    return name


def has_directions(weights: Path) -> bool:
    """Tell whether directions in the latent space are kept beside the weights of a model."""
    return weights.with_name(DIRECTIONS).is_file()
