"""Composing overrides, within one process once each: Hydra takes a third of a second."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, open_dict

from adversaria.config import containers
from adversaria.config.errors import CONF

if TYPE_CHECKING:
    from hydra._internal.hydra import Hydra

REMOVED = object()  # in place of the value of a key that is gone


@dataclass(frozen=True)
class Composition:
    """What a command line composes.

    Attributes:
        config: the configuration, not yet resolved.
        choices: choice of each group by name, with its package: `model/update@model.generator` -> `adam`.
    """

    config: DictConfig
    choices: dict[str, str | None]

    def plain(self) -> dict[str, Any]:
        """Return the resolved configuration."""
        return containers.plain(self.config)


@functools.lru_cache(maxsize=8)
def composition(*overrides: str) -> Composition:
    """Compose overrides as the command line of train.py does; they must have `name`, and `run_dir` to be resolved.

    The resolvers of conf/train.yaml must be registered.
    """
    from hydra import compose

    with initialized():
        cfg = compose("train", overrides=list(overrides), return_hydra_config=True)
    choices = dict(cfg.hydra.runtime.choices)
    with open_dict(cfg):
        del cfg["hydra"]
    return Composition(cfg, choices)


@contextlib.contextmanager
def initialized() -> Iterator[Hydra]:
    """Let Hydra compose, also within its own main: there a process that Lightning started resumes a run."""
    from hydra import initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    running = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), job_name="train", version_base="1.3"):
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            yield hydra
    finally:
        GlobalHydra.instance().hydra = running


def changes(before: Any, after: Any, prefix: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Return what differs between two nested mappings: path -> new value; `REMOVED` for a key that is gone."""
    found: dict[tuple[str, ...], Any] = {}
    for key in [*before, *(key for key in after if key not in before)]:
        path = (*prefix, key)
        if key not in after:
            found[path] = REMOVED
        elif key in before and isinstance(before[key], dict) and isinstance(after[key], dict):
            found |= changes(before[key], after[key], path)
        elif key not in before or before[key] != after[key]:
            found[path] = after[key]
    return found


def apply(found: dict[tuple[str, ...], Any], config: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration in which the given paths, as `changes` returns them, have their new values."""
    config = copy.deepcopy(config)
    for (*parents, key), value in found.items():
        node = config
        for parent in parents:
            if not isinstance(node.get(parent), dict):
                node[parent] = {}
            node = node[parent]
        if value is REMOVED:
            node.pop(key, None)
        else:
            node[key] = value
    return config
