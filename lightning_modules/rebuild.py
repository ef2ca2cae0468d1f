"""Rebuilding a module from a checkpoint that someone else may have written: it can become a model, and nothing else.

The file is read with `weights_only=True`; the configuration in it passes the schema, as one from a command line does,
and can name only what a model is made of (`adversaria.config.places`); and no network is larger than the weights that
the file holds.
"""

from __future__ import annotations

import contextlib
import os
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from adversaria.config import schema
from adversaria.config.errors import CheckpointError, ConfigError, first_line
from adversaria.config.instantiate import instantiate
from adversaria.config.loaded import FileError, check_loaded, check_plain
from adversaria.config.renamed import renamed
from adversaria.runs import run_folder
from adversaria.runs.archive import check_archive
from adversaria.runs.safe_file import SUFFIX
from lightning_modules import safe_weights
from lightning_modules.checkpoint import KEY, not_finite

if TYPE_CHECKING:
    from lightning_modules.base import BaseModule


def load_module(path: str | Path, checkpoint: str = "last") -> BaseModule:
    """Rebuild a module from a checkpoint or a run folder; see `lightning_modules.load`.

    Raises:
        CheckpointError: the file is missing, damaged, or not a checkpoint of this project.
    """
    from lightning_modules.base import BaseModule

    file = run_folder.weights_file(Path(path), checkpoint)
    content = read_checkpoint(file)
    entry, weights = content[KEY], content["state_dict"]
    config = renamed(entry["model"])
    try:
        schema.check_component(config, "model")
        with _no_larger_than(weights):
            module: Any = instantiate(config)
    except Exception as error:  # whatever a class raises that is given what does not fit
        raise CheckpointError(f"{file} holds a model that cannot be built: {first_line(error)}") from error
    if not isinstance(module, BaseModule):
        raise CheckpointError(f"{file} does not say which model it holds; it was not saved by train.py")
    module.make_room(weights)
    check_weights(module, weights, file, "has weights that are not those of its model")
    module.config, module.iteration, module.images = config, entry["iteration"], entry["images"]
    module.started_from = {k: v for k, v in entry["started_from"].items() if str(k).startswith("init_")}
    module.load_state_dict(weights)
    return module.eval()


def load_network(network: nn.Module, path: str, key: str) -> None:
    """Copy the weights of a trained module's network.

    Args:
        network: receives the weights.
        path: a checkpoint or a run folder.
        key: the configuration key that has the path, for the message.

    Raises:
        CheckpointError: the checkpoint cannot be read.
        ConfigError: its network is another one.
    """
    trained: Any = load_module(path)
    try:
        network.load_state_dict(trained.network.state_dict())
    except (RuntimeError, AttributeError) as error:
        raise ConfigError(f"{key}={path}: its network is not model.network") from error


def read_checkpoint(file: Path) -> dict[str, Any]:
    """Return what a checkpoint holds: weights and the model's configuration are checked, all else is not.

    The weights are mapped from the file, so that nothing is allocated for them.

    Raises:
        CheckpointError: the file is missing, damaged, or not a checkpoint of this project.
    """
    if not os.path.exists(file):  # noqa: PTH110  # Path.exists raises for a name that is too long
        raise CheckpointError(f"there is no checkpoint {file}")
    try:
        safe = file.suffix == SUFFIX
        content = safe_weights.read(file) if safe else _read_archive(file)
        entry, weights = _part(content, KEY), _part(content, "state_dict")
        for name in ("iteration", "images"):
            if type(entry.get(name)) is not int or not 0 <= entry[name] < 2**63:
                raise FileError(f"does not say how many {name if name == 'images' else 'iterations'} it has seen")
        entry["model"] = check_loaded(_part(entry, "model"))
        entry["started_from"] = check_plain(_part({"started_from": {}} | entry, "started_from"))
        _check_tensors(weights)
        if not safe:  # the library has checked it
            _check_stored(weights, file)
    except ConfigError:  # a package is missing
        raise
    except Exception as error:  # a damaged file makes torch.load raise errors of many kinds
        reason = f"it {error}" if isinstance(error, FileError) else first_line(error)
        raise CheckpointError(f"{file} is not a readable checkpoint of this project: {reason}") from error
    return dict(content)


def _read_archive(file: Path) -> Any:
    check_archive(file)
    return torch.load(str(file), map_location="cpu", weights_only=True, mmap=True)


def check_weights(module: nn.Module, weights: Mapping[str, Tensor], file: Path, otherwise: str) -> None:
    """Check that a checkpoint's weights are those of a module.

    Args:
        module: the module.
        weights: its weights, by name.
        file: the checkpoint.
        otherwise: what the file is said to be where they are not: `is of another network; …`.

    Raises:
        CheckpointError: one is missing, is not one of the module's, has another shape or type, or is not finite.
    """
    own = module.state_dict()
    wrong = [f"{name} is missing" for name in own if name not in weights]
    wrong += [f"the model has no {name}" for name in weights if name not in own]
    for name in (name for name in own if name in weights):
        have, need = (f"{value.dtype} {list(value.shape)}" for value in (weights[name], own[name]))
        wrong += [] if have == need else [f"{name} is {have}, not {need}"]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise CheckpointError(f"{file} {otherwise}: {wrong[0]}{more}")
    if damaged := not_finite(weights):
        raise CheckpointError(f"the weights in {file} are damaged: {damaged} contains NaN or infinity")


def _part(node: Any, key: str) -> dict[str, Any]:
    """Return a dictionary that is an entry of a dictionary."""
    found = node.get(key) if isinstance(node, dict) else None
    if not isinstance(found, dict):
        raise FileError(f"has no {key}, or one that is not a dictionary")
    return found


def _check_tensors(weights: Mapping[str, Any]) -> None:
    """Check that weights are tensors of numbers, with a place for each number."""
    for name, value in weights.items():
        if not isinstance(name, str) or type(value) not in (Tensor, nn.Parameter):
            raise FileError(f"has a {type(value).__name__} as the weight {name}")
        plain = value.layout is torch.strided and value.device.type == "cpu" and not value.is_quantized
        stated = value.numel() * value.element_size()
        if not plain or value.is_nested or stated > value.untyped_storage().nbytes():
            raise FileError(f"has a weight {name} that does not store each of its numbers")


def _check_stored(weights: Mapping[str, Tensor], file: Path) -> None:
    """Check that weights are in the file, once each: the pickle states a size, and the archive has another."""
    with zipfile.ZipFile(file) as archive:
        there = Counter(member.file_size for member in archive.infolist())
    storages = {storage.data_ptr(): storage.nbytes() for storage in (w.untyped_storage() for w in weights.values())}
    if sum(value.numel() * value.element_size() for value in weights.values()) > file.stat().st_size:
        raise FileError("claims to have weights that are larger than the file")
    if Counter(filter(None, storages.values())) - there:
        raise FileError("claims to have weights of another size than those in the file")


@contextlib.contextmanager
def _no_larger_than(weights: Mapping[str, Tensor]) -> Iterator[None]:
    """Let no module be built that has many times the parameters of these weights.

    A layer registers a parameter before it fills it; until then the memory is only promised by the system.
    """
    left = 2**20 + 4 * sum(value.numel() * value.element_size() for value in weights.values())

    def take(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal left
        left -= 0 if parameter is None else 16 + parameter.numel() * parameter.element_size()
        if left < 0:
            raise ConfigError("it is larger than the weights in the file")

    handle = register_module_parameter_registration_hook(take)
    try:
        yield
    finally:
        handle.remove()
