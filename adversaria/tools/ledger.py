"""Keep the records of runs for the docs: `python -m adversaria.tools.ledger [RUN ...]`.

Writes a record of each finished run folder below docs/results/records/, and renders the tables of docs/results.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from adversaria.config.errors import CheckpointError, one_sentence_errors
from adversaria.report import ledger
from adversaria.runs.record import METRICS, replace_text

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, RECORDS = DOCS / "results.md", DOCS / "results" / "records"


def main(arguments: Sequence[str] | None = None) -> None:
    """Take over run folders, then render; what cannot be taken is said at the end, and keeps back nothing else."""
    parser = argparse.ArgumentParser("python -m adversaria.tools.ledger", description=__doc__.split(":")[0])
    parser.add_argument("runs", nargs="*", type=Path, metavar="RUN", help="folders of finished runs, or above them")
    parser.add_argument("--commit", help="of the code that made them, where that was in no git checkout")
    options = parser.parse_args(arguments)
    refused = []
    with one_sentence_errors():
        for run in [run for folder in options.runs for run in runs_in(folder)]:
            try:
                print(ledger.write(RECORDS, run, options.commit))
            except CheckpointError as error:
                refused.append(str(error))
        replace_text(PAGE, ledger.rendered(PAGE.read_text(encoding="utf-8"), ledger.read(RECORDS)))
        if refused:
            raise CheckpointError("; ".join(refused))


def runs_in(folder: Path) -> list[Path]:
    """Return the folders with test metrics below a folder; the folder itself if there are none."""
    return sorted(file.parent for file in folder.rglob(METRICS)) or [folder]


if __name__ == "__main__":
    main()
