"""The costs of the systems: their table in the docs is that of the measurement which is kept."""

from __future__ import annotations

import re
from pathlib import Path

from adversaria.config.errors import options
from benchmarks import cost

ROOT = Path(__file__).resolve().parents[2]
ROWS = re.compile(r"\| (\w+): peak memory, MiB \| ([\d.]+) \|.*\n\| ↳ minutes for 1,000 iterations \| ([\d.]+) \|")


def test_the_table_of_the_docs_is_of_the_record() -> None:
    record = ROWS.findall((ROOT / "benchmarks" / "records" / "cost.md").read_text(encoding="utf-8"))
    assert {name for name, *_ in record} == set(options("model"))
    page = (ROOT / "docs" / "faq.md").read_text(encoding="utf-8")
    shown = re.findall(r"\| `model=(\w+)` \| ([\d,.]+) GiB \| ([\d.]+) min \|", page)
    assert sorted(shown) == sorted(
        (name, f"{float(memory) / 1024:.1f}", f"{float(minutes):.1f}") for name, memory, minutes in record
    )


def test_each_system_can_be_composed_as_it_is_measured(compose) -> None:
    for model in options("model"):
        config = compose(*cost.overrides(model), *cost.SHORT)
        assert ("sets" in config["data"]) == (model in cost.PAIRED)
