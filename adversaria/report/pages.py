"""The pages: a report of one or many runs, as HTML in a single file and as Markdown, and an index of all runs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from adversaria.config.errors import SavingError, UserError
from adversaria.report.comparison import compare
from adversaria.report.reading import find, is_run, read
from adversaria.report.rendering import render
from adversaria.report.run import MAIN, Run, names_of
from adversaria.runs.whole_files import replace_text

REPORT = "report.html"


class ReportError(UserError):
    """Something that cannot be reported on, or a place that cannot be written to."""


def write(folders: Sequence[Path], output: Path | None = None, each: bool = False) -> list[Path]:
    """Write a report of run folders, or the index of one folder that holds runs; return the files.

    Args:
        folders: run folders, or one folder that holds some.
        output: the HTML file; by default in the one folder given, in the working directory for several.
        each: write a report into each run folder, too.

    Raises:
        ReportError: a folder is no run, or a file cannot be written.
    """
    if output is not None and output.suffix != ".html":
        raise ReportError(f"--output {output}: give the file a name that ends in .html")
    index = len(folders) == 1 and not is_run(folders[0])
    for folder in () if index else folders:
        if not is_run(folder):
            raise ReportError(
                f"{folder} is not a run folder: it has no config.yaml; give run folders, or one folder of runs"
            )
    runs = [read(folder) for folder in (find(folders[0]) if index else folders)]
    if not runs:
        raise ReportError(
            f"{folders[0]}: no folder in it has config.yaml and invocation.json; "
            "give a run folder, or a folder of runs such as outputs"
        )
    files = [file for run in runs if each for file in write_report([run], run.folder / REPORT)]
    if index:
        return [*files, write_index(runs, output or folders[0] / "index.html")]
    return [*files, *write_report(runs, output or (folders[0] / REPORT if len(runs) == 1 else Path(REPORT)))]


def write_report(runs: list[Run], file: Path) -> list[Path]:
    """Write the report of one or many runs: as HTML with all in it, and as Markdown that refers to the pictures."""
    named = list(zip(names_of(runs), runs, strict=True))
    context = {
        "title": named[0][0] if len(named) == 1 else f"{len(named)} runs",
        "runs": named,
        "comparison": compare(named) if len(named) > 1 else None,
    }
    beside = file.with_suffix(".md")
    return [_save(file, "report.html", **context), _save(beside, "report.md", **context)]


def write_index(runs: list[Run], file: Path) -> Path:
    """Write the index of runs, the newest first."""
    runs = sorted(runs, key=lambda run: run.date, reverse=True)
    headings = [heading for heading in MAIN if any(heading in run.main for run in runs)]
    choices = {group: sorted({run.choice(group) for run in runs} - {""}) for group in ("model", "data")}
    return _save(file, "index.html", title="Runs", runs=runs, headings=headings, choices=choices)


def _save(file: Path, template: str, **context: Any) -> Path:
    def relative(target: Path) -> str:
        return quote(os.path.relpath(target, file.parent))

    text = render(template, relative=relative, **context)
    try:
        replace_text(file, text)
    except SavingError as error:
        raise ReportError(f"{error}; choose another place with --output") from error
    return file
