"""CI installs the lowest versions that pyproject.toml allows, so that the lower bounds are true."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_constraints_of_ci_are_the_lower_bounds() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    dependencies = project.partition("\ndependencies = [")[2].partition("\n]")[0]
    bounds = dict(re.findall(r'^\s*"([\w-]+)>=([\d.]+)', dependencies, re.MULTILINE))
    constraints = (ROOT / ".ci" / "lowest.txt").read_text(encoding="utf-8")
    installed = dict(re.findall(r"^([\w-]+)==([\d.]+)$", constraints, re.MULTILINE))
    assert len(bounds) == len(re.findall(r'^\s*"', dependencies, re.MULTILINE)) > 10  # each has a lower bound
    different = {name: (low, installed.get(name)) for name, low in bounds.items() if not same(low, installed.get(name))}
    assert different == {}


def same(bound: str, version: str | None) -> bool:
    """Tell whether a version is the first that a bound allows: 2.8.0 for 2.8."""
    return version is not None and re.fullmatch(rf"{re.escape(bound)}(\.0)*", version) is not None
