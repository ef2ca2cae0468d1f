"""Composing a configuration in Python as the command line of train.py does."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

from adversaria.config import containers
from adversaria.config.errors import CONF
from adversaria.runs.run_folder import experiment_name, run_dir
from adversaria.sweeps.names import job_name


def register_resolvers() -> None:
    """Register the resolvers that conf/train.yaml uses; this must be called before Hydra composes."""
    OmegaConf.register_new_resolver("experiment_name", experiment_name, replace=True)
    OmegaConf.register_new_resolver("run_dir", run_dir, replace=True, use_cache=True)
    OmegaConf.register_new_resolver("job_name", job_name, replace=True)


def compose(*overrides: str) -> dict[str, Any]:
    """Compose a plain configuration from overrides, as train.py's command line does."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return containers.plain(hydra_compose("train", overrides=list(overrides)))
