"""Tables in Markdown, as a viewer of GitHub's dialect finds them."""

from __future__ import annotations

import re
from itertools import groupby


def tables_of(text: str) -> list[list[list[str]]]:
    """Return the tables of a text: their rows as cells, first the header.

    Raises:
        AssertionError: lines with bars stand together that are no table: there is no rule below the first one, or a
            line has another number of cells. Blocks of code are left out.
    """
    text = re.sub(r"(?ms)^(`{3,})[^`\n]*\n.*?^\1$|^<pre>$.*?^</pre>$", "", text)
    found = []
    for is_row, group in groupby(text.splitlines(), key=lambda line: line.startswith("|")):
        if not is_row:
            continue
        lines = list(group)
        header, rule, *rows = (
            re.split(r"(?<!\\)\|", line.strip())[1:-1] for line in [*lines, ""][: max(2, len(lines))]
        )
        assert rule, f"no rule below {lines}"
        assert all(re.fullmatch(r" ?:?-{3,}:? ?", cell) for cell in rule), f"no rule below {lines[0]}"
        assert {len(row) for row in (rule, *rows)} == {len(header)}, f"cells are missing in {lines}"
        found.append([[cell.strip() for cell in row] for row in (header, *rows)])
    return found
