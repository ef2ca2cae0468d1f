"""The templates, and how they write numbers, protocols and pictures."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from adversaria.report.charts import charts
from adversaria.report.pictures import data_uri, thumbnail
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
    return _environment().get_template(template).render(**context)


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


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("adversaria.report"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "brief": brief, "strong": _strong, "label": label, "readable": readable}
    environment.filters |= {"status": lambda key: written("status", key)}
    environment.filters |= {"data_uri": data_uri, "thumbnail": thumbnail}
    environment.globals |= {"charts": charts}
    return environment
