"""Print a table of ratios: what train.py adds to a bare loop, what our settings gain, what the rest costs.

    python -m benchmarks [--only steps,loader] [--match "A1"] [--rounds 5] [--quick]

Whatever is compared takes turns in one process, or, where a setting is the whole process's, in fresh ones. Median and
interquartile range are over the rounds; targets are for the median. Leave the machine to it alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from datetime import datetime
from pathlib import Path

from benchmarks.suite import ROOT, SECTIONS, Result, fresh, machine, measure, page, rows_of


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return 1 if a row could not be measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", metavar="SECTIONS", default=",".join(SECTIONS), help=f"some of {','.join(SECTIONS)}")
    parser.add_argument("--match", metavar="TEXT", default="", help="only the rows whose name contains this")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="smallest sizes: to see that it works")
    parser.add_argument("--output", type=Path, default=ROOT / "outputs" / "benchmarks", help="folder of the table")
    options = parser.parse_args(arguments)
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(SECTIONS):
        parser.error(f"there is no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    rows = {section: [row for row in rows_of(section) if options.match in row.what] for section in chosen}
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / f"{datetime.now():%Y-%m-%d_%H-%M-%S}.md"
    how = f"{options.rounds} rounds{', of the smallest sizes: no measurement' if options.quick else ''}"
    heading = f"{machine()}; {how}."
    results: dict[str, list[Result]] = {}
    start, done, total = time.monotonic(), 0, sum(map(len, rows.values()))
    for section, wanted in rows.items():
        for row in wanted:
            minutes = (time.monotonic() - start) / 60
            print(f"[{done}/{total}, {minutes:.0f} min] {section}: {row.what}", file=sys.stderr, flush=True)
            try:
                result = fresh(measure, section, row.what, options.rounds, options.quick)
            except RuntimeError as error:  # of a process that died
                result = Result(row.what, row.target, problem=str(error))
            results.setdefault(section, []).append(result)
            file.write_text(page(heading, results))  # now, not to lose an hour to the last row
            done += 1
            if result.skipped:  # the others of the section need the same
                done += len(wanted) - len(results[section])
                break
    if not results:
        parser.error(f"--match {options.match}: no row of these sections has it")
    print(file.read_text())
    print(file, file=sys.stderr)
    return int(any(r.problem is not None and not r.skipped for measured in results.values() for r in measured))


if __name__ == "__main__":
    sys.exit(main())
