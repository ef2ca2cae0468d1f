"""Composing overrides in Python."""

from __future__ import annotations

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra

from adversaria.config.composition import composition
from adversaria.config.errors import CONF
from adversaria.tools.compose import register_resolvers


def test_it_composes_within_hydras_own_main_too() -> None:
    """As each process does that Lightning starts for a resumed run."""
    register_resolvers()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        running = GlobalHydra.instance().hydra
        assert composition("name=within", "seed=17").config.seed == 17
        assert GlobalHydra.instance().hydra is running
    assert not GlobalHydra.instance().is_initialized()
