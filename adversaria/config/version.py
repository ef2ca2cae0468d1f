"""The version of this project, which pyproject.toml says."""

from __future__ import annotations

import importlib.metadata
import re

from adversaria.config.errors import CONF


def version() -> str:
    """Return the version of this checkout, or of the installed package where there is no checkout."""
    file = CONF.parent / "pyproject.toml"
    found = re.search(r'^version = "(.+)"$', file.read_text(encoding="utf-8"), re.M) if file.is_file() else None
    return f"adversaria {found[1] if found else importlib.metadata.version('adversaria')}"
