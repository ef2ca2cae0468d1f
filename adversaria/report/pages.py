"""The pages: a report of one or many runs, as HTML in a single file and as Markdown, and an index of all runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from adversaria.config.errors import SavingError, UserError
from adversaria.config.loaded import FileError
from adversaria.report.comparison import compare, names_of
from adversaria.report.reading import find, is_run, read, unreadable
from adversaria.report.rendering import render
from adversaria.report.run import Run
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
        ReportError: a folder is not a run folder, or a file cannot be written.
    """
    if output is not None and output.suffix != ".html":
        raise ReportError(f"--output {output}: give the file a name that ends in .html")
    index = len(folders) == 1 and not is_run(folders[0])
    for folder in () if index else folders:
        if not is_run(folder):
            raise ReportError(
                f"{folder} is not a run folder: it has no config.yaml; give run folders, or one folder of runs"
            )
    runs = [_read(folder) for folder in (find(folders[0]) if index else folders)]
    if not runs:
        raise ReportError(
            f"{folders[0]}: no folder in it has config.yaml and invocation.json; "
            "give a run folder, or a folder of runs such as outputs"
        )
    files = [file for run in runs if each for file in _report_of(run)]
    if index:
        return [*files, write_index(runs, output or folders[0] / "index.html")]
    return [*files, *write_report(runs, output or (folders[0] / REPORT if len(runs) == 1 else Path(REPORT)))]


def write_report(runs: list[Run], file: Path) -> list[Path]:
    """Write the report of one or many runs: as HTML with all in it, and as Markdown that refers to the pictures."""
    return _pages(runs, _together, {file: "report.html", file.with_suffix(".md"): "report.md"})


def report_text(folder: Path) -> str:
    """Return the report of one run as HTML, without writing it."""
    run = _shown(_read(folder)) if folder.is_dir() else unreadable(folder, FileError("was moved or deleted"))
    (text,) = _texts(_together([run]), {folder / REPORT: "report.html"})
    return text


def write_index(runs: list[Run], file: Path) -> Path:
    """Write the index of runs, the newest first."""
    (written,) = _pages(sorted(runs, key=lambda run: run.date, reverse=True), _listed, {file: "index.html"})
    return written


def _pages(runs: list[Run], context_of: Callable[[list[Run]], Mapping[str, Any]], files: dict[Path, str]) -> list[Path]:
    """Write pages of runs: a file for each template. A run that no page can be made of becomes one that says so.

    Each part of a run is checked when it is read; this is for what these checks do not know.
    """
    try:
        texts = _texts(context_of(runs), files)
    except Exception:
        texts = _texts(context_of([_shown(run) for run in runs]), files)
    return [_save(file, text) for file, text in zip(files, texts, strict=True)]


def _texts(context: Mapping[str, Any], files: dict[Path, str]) -> list[str]:
    def relative(here: Path) -> Callable[[Path], str]:
        return lambda target: quote(os.fsencode(os.path.relpath(target, here)))

    return [render(template, relative=relative(file.parent), **context) for file, template in files.items()]


def _save(file: Path, text: str) -> Path:
    try:
        # a link there is replaced, not followed; a name of a file need not be text
        replace_text(file, text.encode("utf-8", "replace").decode())
    except SavingError as error:
        raise ReportError(f"{error}; choose another place with --output") from error
    return file


def _together(runs: list[Run]) -> dict[str, Any]:
    """Return what the templates of a report are given."""
    named = list(zip(names_of(runs), runs, strict=True))
    return {
        "title": named[0][0] if len(named) == 1 else f"{len(named)} runs",
        "runs": named,
        "comparison": compare(named) if len(named) > 1 else None,
    }


def _listed(runs: list[Run]) -> dict[str, Any]:
    """Return what the template of an index is given."""
    headings = list(dict.fromkeys(heading for run in runs for heading in run.main))
    choices = {group: sorted({run.choice(group) for run in runs} - {""}) for group in ("model", "data")}
    return {"title": "Runs", "runs": runs, "headings": headings, "choices": choices}


def _read(folder: Path) -> Run:
    try:
        return read(folder)
    except Exception as error:  # nothing that a folder has may take the page of other runs down
        return unreadable(folder, error)


def _report_of(run: Run) -> list[Path]:
    """Write the report of one run into its folder; where that fails, the run says so."""
    try:
        return write_report([run], run.folder / REPORT)
    except ReportError as error:
        run.missing.append(f"Its report was not written: {error}.")
        return []


def _shown(run: Run) -> Run:
    try:
        _texts(_together([run, run]), {Path("a"): "report.html", Path("b"): "report.md"})
        _texts(_listed([run]), {Path("c"): "index.html"})
        return run
    except Exception as error:
        return unreadable(run.folder, error)
