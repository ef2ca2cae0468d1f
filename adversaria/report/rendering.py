"""The templates, and how they write numbers, protocols and pictures."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from adversaria.report import tables
from adversaria.report.charts import charts
from adversaria.report.pictures import data_uri, last_frame, thumbnail
from adversaria.runs.metric_rows import notes, rows
from adversaria.runs.metric_wording import in_order, marked
from adversaria.runs.wording import label, readable, written

BRIEF = {  # what tables of many runs have of a protocol
    "iteration": "iteration {}",
    "weights": "{} weights",
    "n_test": "{} test images",
    "n_test_target": "{} test images of the target",
    "n_generated": "{} generated images",
    "compared_with": "against the {}",
    "extractor": "by {}",
    "extractor_digest": "digest {}",
}


def render(template: str, **context: Any) -> str:
    """Return the text of a template of this package."""
    return _environment(template.endswith(".md")).get_template(template).render(**context)


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


def brief(protocol: dict[str, Any]) -> str:
    """Write a protocol in a line."""
    known = {key: text for key, text in BRIEF.items() if key in protocol}
    return ", ".join(text.format(number(written(key, protocol[key]))) for key, text in known.items())


def _strong(text: str) -> Markup:
    """Turn Markdown's `**bold**` into HTML."""
    return Markup(re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", str(escape(text))))


def in_markdown(value: Any) -> Any:
    """Return a value as a text in which nothing is Markdown or HTML; what is marked as safe stays."""
    if hasattr(value, "__html__"):
        return value
    return Markup(tables.escaped(str(value)))


def block(text: str, language: str = "") -> Markup:
    """Return a block of code in Markdown, out of which no text leads."""
    if "<" in text:
        tags = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return Markup(f"<pre>\n{tags}\n</pre>")
    longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return Markup(f"{fence}{language}\n{text}\n{fence}")


@cache
def _environment(markdown: bool) -> Environment:
    """Return the templates: every text that they write is escaped, for HTML or for Markdown."""
    environment = Environment(
        loader=PackageLoader("adversaria.report"),
        autoescape=True,
        finalize=in_markdown if markdown else None,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "brief": brief, "strong": _strong, "label": label, "readable": readable}
    environment.filters |= {"status": lambda key: written("status", key), "block": block, "marked": marked}
    environment.filters |= {"rows": rows, "notes": notes, "in_order": in_order}
    environment.filters |= {"data_uri": data_uri, "last_frame": last_frame, "thumbnail": thumbnail}
    environment.globals |= {"charts": charts}
    return environment
