"""The pages: a report of one or many runs, as HTML in a single file and as Markdown, and an index of all runs."""

from __future__ import annotations

import base64
import io
import math
import os
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from omegaconf import OmegaConf
from PIL import Image

from adversaria.config.errors import CONF, UserError
from adversaria.report import adaptation_table
from adversaria.report.runs import KINDS, MAIN, Figure, Run, find, is_run, labels, read
from adversaria.runs.curves import smooth

REPORT = "report.html"
POINTS = 500  # of a curve; longer ones are thinned
SIDE_BY_SIDE = ("samples", "domains")  # figures of several runs beside each other

Named = list[tuple[str, Run]]


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
            raise ReportError(f"{folder}: no run, for it has no config.yaml; give run folders, or one folder of runs")
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
    named = list(zip(labels(runs), runs, strict=True))
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


def compare(named: Named) -> dict[str, Any]:
    """Return what several runs have in common, and what tells them apart."""
    runs = [run for _, run in named]
    main = (run.main[heading][0] for heading in MAIN for run in runs if heading in run.main)
    metrics = dict.fromkeys([*main, *(metric for run in runs for metric in run.metrics)])
    protocols: list[dict[str, Any]] = []
    for run in runs:
        if run.record and (protocol := _shared(run)) not in protocols:
            protocols.append(protocol)
    keys = dict.fromkeys(key for protocol in protocols for key in protocol)
    cells = adaptation_table.cells_of(adapted(named))
    return {
        "metrics": [metric for metric in metrics if "/" not in metric],  # not those of each label
        "protocols": protocols,
        "number": {label: protocols.index(_shared(run)) + 1 for label, run in named if run.record},
        "differing": {key for key in keys if len({str(p.get(key)) for p in protocols}) > 1},
        "adaptation": (adaptation_table.table(cells, reported()), adaptation_table.notes(cells)) if cells else None,
        "pictures": {
            KINDS[kind][0]: figures
            for kind in SIDE_BY_SIDE
            if len(figures := [(label, f) for label, run in named for f in run.figures if f.kind == kind]) > 1
        },
        "charts": overlaid(named),
    }


def _shared(run: Run) -> dict[str, Any]:
    """Return what of a protocol can be the same for several runs."""
    return {key: value for key, value in run.protocol.items() if key not in ("iteration", "seed")}


def adapted(named: Named) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield system, scenario and record of the runs of adaptation; only what differs by seed alone shares a cell."""
    found: dict[tuple[str, str], dict[str, Named]] = {}
    for label, run in named:
        protocol = run.protocol
        if run.metrics.get("accuracy") is not None and "test images of the target" in protocol:
            place = (run.choice("model") or run.name, f"{protocol['source set']}_{protocol['target set']}")
            settings = {k: v for k, v in run.config.items() if k in ("data", "labels", "model", "trainer")}
            settings["data"] = {**settings.get("data", {}), "seed": None}
            found.setdefault(place, {}).setdefault(repr(settings), []).append((label, run))
    for (system, scenario), variants in found.items():
        for group in variants.values():
            for _, run in group:
                yield system if len(variants) == 1 else f"{system} ({group[0][0]})", scenario, run.record


def reported() -> dict[str, dict[str, Any]]:
    """Return the figures of adaptation that the reports have: scenario -> system -> text."""
    key = "hydra.callbacks.uda_table.reported"
    found = OmegaConf.select(OmegaConf.load(CONF / "sweep" / "uda_table.yaml"), key, default={})
    return OmegaConf.to_container(found) if found else {}  # type: ignore[return-value]


def charts(run: Run, panels: dict[str, list[str]]) -> list[dict[str, Any]]:
    """Return what the page draws of a run, one chart a panel."""
    return [
        {"title": title, "series": [_series(run, metric, metric) for metric in metrics]}
        for title, metrics in panels.items()
    ]


def overlaid(named: Named) -> list[dict[str, Any]]:
    """Return one chart a metric that several runs have a learning curve of."""
    # A run takes part with the curves of its method alone: what others also call val/loss is another quantity.
    own = [{metric for group in run.panels.values() for metric in group} for _, run in named]
    metrics = dict.fromkeys(m for _, run in named for group in run.panels.values() for m in group)
    found = {
        m: [_series(run, m, label) | {"colour": i} for i, (label, run) in enumerate(named) if m in own[i]]
        for m in metrics
    }
    return [{"title": metric, "series": series} for metric, series in found.items() if len(series) > 1]


def _series(run: Run, metric: str, name: str) -> dict[str, Any]:
    x, y = run.curves[metric]
    strong = smooth(np.array(y), run.smoothing) if metric.startswith("train/") else np.array(y)
    keep = slice(None, None, -math.ceil(len(x) / POINTS))  # from the end, which is what counts
    smoothed = [float(f"{v:.5g}") for v in strong[keep]]
    return {"name": name, "x": x[keep][::-1], "raw": y[keep][::-1], "y": smoothed[::-1]}


def data_uri(figure: Figure) -> str:
    """Return a picture to put into a page: as it is, but animations as WebP, a third of the size."""
    if figure.file.suffix != ".gif":
        return uri("png", figure.file.read_bytes())
    buffer = io.BytesIO()
    with Image.open(figure.file) as picture:
        picture.save(buffer, "WEBP", save_all=True, quality=85)
    return uri("webp", buffer.getvalue())


def thumbnail(run: Run, width: int = 192) -> str | None:
    """Return a small picture of a run; of samples a corner, in which they can be told."""
    if not run.figures:
        return None
    with Image.open(run.figures[0].file) as picture:
        image = picture.convert("RGB")
    if run.figures[0].kind == "samples":
        image = image.crop((0, 0, image.width // 2, image.height // 2))
    image.thumbnail((width, width))
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=75)
    return uri("webp", buffer.getvalue())


def uri(kind: str, content: bytes) -> str:
    """Return a picture's bytes as an address to put into a page; `kind` is `png` or `webp`."""
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def number(value: Any) -> str:
    """Write a number with the digits that count, anything else as it is."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float):
        return str(value)
    size = abs(value)
    if 0 < size < 0.001:
        return f"{value:.2e}"
    return f"{value:,.{4 if size < 1 else 3 if size < 10 else 2 if size < 1000 else 0}f}"


def brief(run: Run) -> str:
    """Return the protocol in a line, for tables of many runs."""
    words = {
        "iteration": "iteration {}",
        "weights": "{} weights",
        "test images": "{} test images",
        "test images of the target": "{} test images of the target",
        "generated images": "{} generated images",
        "compared with": "against the {}",
        "extractor": "by {}",
    }
    return ", ".join(text.format(number(run.protocol[key])) for key, text in words.items() if key in run.protocol)


def _strong(text: str) -> Markup:
    """Turn Markdown's `**bold**` into HTML."""
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", str(escape(text))))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("adversaria.report"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "brief": brief, "strong": _strong}
    environment.filters |= {"data_uri": data_uri, "thumbnail": thumbnail}
    environment.globals |= {"charts": charts}
    return environment


def render(template: str, **context: Any) -> str:
    """Return the text of a template of this package."""
    return _environment().get_template(template).render(**context)


def _save(file: Path, template: str, **context: Any) -> Path:
    def relative(target: Path) -> str:
        return quote(os.path.relpath(target, file.parent))

    text = render(template, relative=relative, **context)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"cannot write {file} ({error.strerror}); choose another place with --output") from error
    return file
