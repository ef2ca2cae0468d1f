"""Composing a configuration in Python as the command line of train.py does."""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

from adversaria.config.composition import composition
from adversaria.runs.run_folder import experiment_name, run_dir
from adversaria.sweeps.names import job_name, scenario


def register_resolvers() -> None:
    """Register the resolvers that conf/train.yaml uses; this must be called before Hydra composes."""
    OmegaConf.register_new_resolver("experiment_name", experiment_name, replace=True)
    OmegaConf.register_new_resolver("run_dir", run_dir, replace=True, use_cache=True)
    OmegaConf.register_new_resolver("job_name", job_name, replace=True)
    OmegaConf.register_new_resolver("scenario", scenario, replace=True)


def compose(*overrides: str) -> dict[str, Any]:
    """Compose a plain configuration from overrides, as train.py's command line does."""
    register_resolvers()
    return composition(*overrides).plain()
