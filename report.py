"""Reports of runs as single files that open anywhere, and an index of all runs.

python report.py RUN               the report of a run: RUN/report.html, and RUN/report.md
python report.py RUN RUN ...       a comparison, then each run: report.html and report.md here
python report.py outputs           an index of the runs in a folder: outputs/index.html
python report.py outputs --each    the same, with a report in each run folder to link to
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from adversaria.config.errors import one_sentence_errors
from adversaria.tools.arguments import add_version


def main(arguments: list[str] | None = None) -> None:
    """Write what the command line asks for, and say where."""
    with one_sentence_errors():
        options = _options(arguments)
        from adversaria.report.pages import write

        for file in write(options.folders, options.output, options.each):
            print(os.fsencode(file).decode(errors="replace"))  # a name of a file need not be text


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_version(parser)
    parser.add_argument("folders", nargs="+", type=Path, metavar="RUN", help="run folders, or one folder that has runs")
    parser.add_argument("--output", type=Path, metavar="FILE.html", help="where to write; Markdown goes beside it")
    parser.add_argument("--each", action="store_true", help="write a report into each run folder, too")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
