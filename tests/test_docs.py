"""What the documents name exists."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def test_every_promise_of_the_fault_table_has_its_test() -> None:
    rows = [line for line in (TESTS.parent / "docs" / "faults.md").read_text().splitlines() if "::" in line]
    assert len(rows) >= 24
    for row in rows:
        (named,) = re.findall(r"`([\w/]+\.py)::(\w+)` \|$", row)
        file, function = named
        assert f"def {function}(" in (TESTS / file).read_text(), row
