"""What is brought back from a machine on which runs were trained: their records, and one sheet of pictures a run."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from pathlib import Path

from adversaria import open_run
from benchmarks.full_length_plan import Planned

RECORDS = (
    "metrics.json",
    "config.yaml",
    "environment.json",
    "invocation.json",
    "data.json",
    "metrics.csv",
    "train.log",
)
WIDTH, ROW = 1400, 460  # pixels of a sheet and of a row of it


def bring(runs: Sequence[Planned], outputs: Path, folder: Path) -> None:
    """Write `records.tar.gz` and `sheets.tar` of the runs that have begun.

    Args:
        runs: of the plan.
        outputs: below which their folders are.
        folder: where to write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    begun = [run.folder(outputs) for run in runs if (run.folder(outputs) / "config.yaml").exists()]
    with tarfile.open(folder / "records.tar.gz", "w:gz") as archive:
        for run in begun:
            for file in [run / name for name in RECORDS if (run / name).exists()]:
                archive.add(file, file.relative_to(outputs.parent))
    with tarfile.open(folder / "sheets.tar", "w") as archive:
        for run in begun:
            if (picture := sheet(run)) is not None:
                archive.add(picture, picture.relative_to(outputs.parent))


def sheet(run: Path) -> Path | None:
    """Draw the last figure of each kind of a run on one sheet, run/sheet.jpg; return its file, None without figures."""
    from PIL import Image

    figures = [file for file in open_run(run).figures.values() if file.suffix == ".png"]
    if not figures:
        return None
    rows: list[list[Image.Image]] = [[]]
    for file in figures:
        picture = Image.open(file).convert("RGB")
        picture.thumbnail((WIDTH, ROW))
        if sum(other.width for other in rows[-1]) + picture.width > WIDTH and rows[-1]:
            rows.append([])
        rows[-1].append(picture)
    page = Image.new("RGB", (WIDTH, sum(max(p.height for p in row) for row in rows)), "white")
    y = 0
    for row in rows:
        x = 0
        for picture in row:
            page.paste(picture, (x, y))
            x += picture.width
        y += max(p.height for p in row)
    page.save(run / "sheet.jpg", quality=85)
    return run / "sheet.jpg"
