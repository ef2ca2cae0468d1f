"""Lets Hydra compose in a third of the time, for the hundreds of compositions of the tests; imported for its effect.

Each file of a configuration is read once, files that are chosen together are merged once, and names for interpolations
in defaults lists are gathered where there is one. Command lines are parsed and their values are set as ever.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository

OURS = ["hydra.conf", str(Path(__file__).resolve().parents[2] / "conf"), ""]  # Hydra's, ours, and schemas
read, merge = ConfigRepository.load_config, ConfigLoaderImpl._compose_config_from_defaults_list
gather = defaults_list._create_interpolation_map
files: dict[str, Any] = {}
merged: dict[str, Any] = {}


class Copies:
    """The repository, for merging, which changes what it is given."""

    def __init__(self, repo: Any) -> None:
        self.get_schema_source = repo.get_schema_source
        self.load_config = lambda config_path: copy.deepcopy(repo.load_config(config_path))


def is_ours(repo: Any) -> bool:
    """Tell whether nothing but conf/ is composed, and no groups of the user's own."""
    return [source.path for source in repo.get_sources()] == OURS


def read_once(self: Any, config_path: str) -> Any:
    """Read a file and its defaults list, or take what they were."""
    if not is_ours(self):
        return read(self, config_path)
    if config_path not in files:
        files[config_path] = read(self, config_path)
    return files[config_path]


def merge_once(self: Any, defaults: list[Any], repo: Any) -> Any:
    """Merge the files of a defaults list, or take what they were."""
    key, copies = repr(defaults), Copies(repo)
    if not is_ours(repo):
        return merge(self, defaults, copies)
    if key not in merged:
        merged[key] = merge(self, defaults, copies)
    return copy.deepcopy(merged[key])


def gather_if_needed(overrides: Any, defaults: list[Any], self_added: bool) -> Any:
    """Gather the choices that an interpolation in a defaults list can name."""
    return gather(overrides, defaults, self_added) if any(d.is_interpolation() for d in defaults) else None


ConfigRepository.load_config = read_once  # type: ignore[method-assign]
ConfigLoaderImpl._compose_config_from_defaults_list = merge_once  # type: ignore[method-assign]
defaults_list._create_interpolation_map = gather_if_needed
