"""Composed configurations as plain containers, and single keys of them."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from adversaria.config.errors import ConfigError
from adversaria.config.foreign_errors import describe_error

_ABSENT = object()


def plain(cfg: DictConfig) -> dict[str, Any]:
    """Resolve a composed configuration into plain containers.

    Raises:
        ConfigError: an interpolation refers to a key that does not exist, or a mandatory value is missing.
    """
    try:
        resolved = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        raise ConfigError(describe_error(error)) from error
    assert isinstance(resolved, dict)
    return {str(k): v for k, v in resolved.items()}


def set_key(config: DictConfig, override: str, owner: str) -> None:
    """Set a key by `key=value`, as Hydra's command line writes it.

    Raises:
        ConfigError: there is no such key; the sentence says that `owner` has none.
    """
    key, _, value = override.partition("=")
    key = key.lstrip("+")
    if OmegaConf.select(config, key, default=_ABSENT) is _ABSENT:
        raise ConfigError(f"{override}: {owner} has no key {key}")
    OmegaConf.update(config, key, OmegaConf.create(_parse(value))["v"], merge=False)


def replace_prefix(node: Any, old: str, new: str) -> Any:
    """Replace a leading path in every text of nested containers, keys too: the run folder may have moved since."""
    if isinstance(node, dict):
        return {replace_prefix(k, old, new): replace_prefix(v, old, new) for k, v in node.items()}
    if isinstance(node, list):
        return [replace_prefix(v, old, new) for v in node]
    inside = isinstance(node, str) and (node == old or node.startswith(f"{old}/"))
    return new + node.removeprefix(old) if inside else node


def _parse(value: str) -> dict[str, Any]:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return {"v": OverridesParser.create().parse_override(f"v={value}").value()}
