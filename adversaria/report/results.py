"""What results.yaml says: the tables of docs/results.md, and what the lab reports and others have."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from adversaria.report.adaptation_cells import Reported

FILE = Path(__file__).with_name("results.yaml")


@functools.cache
def described() -> dict[str, Any]:
    """Return the file's content."""
    found: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return found


def reported() -> Reported:
    """Return the accuracies of adaptation that others have: scenario -> system or `public` -> text."""
    found: Reported = described()["adaptation"]
    return found
