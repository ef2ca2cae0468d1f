"""Print a table of ratios: what train.py adds to a bare loop, what our settings gain, what the rest costs.

    python -m benchmarks [--only steps,loader] [--match "A1"] [--rounds 5] [--quick] [--peers DIR]

What is compared alternates in one process, or in fresh processes if a setting cannot be reverted. Median and
interquartile range are over the rounds; targets are for the median. Run nothing else on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import datetime
from pathlib import Path

from benchmarks.processes import fresh
from benchmarks.suite import PEERS, ROOT, SECTIONS, Result, Row, machine, measure, page, rows_of


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 1 if a row could not be measured."""
    parser = _parser()
    options = parser.parse_args(arguments)
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    rows = {section: [row for row in rows_of(section) if options.match in row.what] for section in chosen}
    if not any(rows.values()):
        parser.error(f"--match {options.match}: no row of these sections contains it")
    if options.peers is not None:
        os.environ[PEERS] = str(options.peers)  # the rows are measured in processes of their own
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / f"{datetime.now():%Y-%m-%d_%H-%M-%S}.md"
    results = _measure_all(rows, options.rounds, options.quick, file)
    print(file.read_text(encoding="utf-8"))
    print(file, file=sys.stderr)
    return int(any(r.problem is not None and not r.skipped for measured in results.values() for r in measured))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="SECTIONS", default=",".join(SECTIONS), help=f"some of {','.join(SECTIONS)}")
    parser.add_argument("--match", metavar="TEXT", default="", help="only the rows whose name contains this")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="smallest sizes, to see that it works")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="folder with checkouts of other projects")
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "benchmarks", help="folder of the table")
    return parser


def _measure_all(rows: dict[str, list[Row]], rounds: int, quick: bool, file: Path) -> dict[str, list[Result]]:
    """Measure the rows of each section, and write the table after each row."""
    heading = f"{machine()}; {rounds} rounds{', of the smallest sizes: not a measurement' if quick else ''}."
    results: dict[str, list[Result]] = {}
    start, done, total = time.monotonic(), 0, sum(map(len, rows.values()))
    for section, wanted in rows.items():
        for row in wanted:
            minutes = (time.monotonic() - start) / 60
            print(f"[{done}/{total}, {minutes:.0f} min] {section}: {row.what}", file=sys.stderr, flush=True)
            try:
                result = fresh(measure, section, row.what, rounds, quick)
            except RuntimeError as error:  # the process died
                result = Result(row.what, row.target, problem=str(error))
            results.setdefault(section, []).append(result)
            file.write_text(page(heading, results), encoding="utf-8")  # so that a crash loses one row at most
            done += 1
    return results


if __name__ == "__main__":
    sys.exit(main())
