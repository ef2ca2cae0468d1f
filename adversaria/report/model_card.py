"""The page of a model on the Hugging Face hub or in the zoo, made from the record of its run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from markupsafe import Markup

from adversaria.config.as_typed import PATHS
from adversaria.config.command_lines import key_of
from adversaria.report.record_tables import OTHERWISE
from adversaria.report.rendering import render
from adversaria.report.run import Run

USE = {
    "unconditional-image-generation": "images = model.sample(16)  # (16, 3, h, w) in model.value_range",
    "image-classification": "logits = model.classify(images)  # of (n, 3, h, w) in model.value_range; model.labels",
}


def model_card(run: Run, module: Any, address: str, licence: str, terms: list[str]) -> str:
    """Return the page, Markdown below the hub's keys.

    Args:
        run: the run.
        module: the model.
        address: of the model, `hf://owner/name` or `zoo:name`.
        licence: identifier of a licence, as the hub names them.
        terms: sentences on the data and the licence.
    """
    import yaml

    method, task = type(module).__name__, next(iter(USE)) if hasattr(module, "sample") else "image-classification"
    keys = {
        "library_name": "adversaria",
        "license": licence,
        "pipeline_tag": task,
        "tags": ["adversaria", method.lower()],
    }
    lines = ["import adversaria", "", f'model = adversaria.load("{address}")', USE[task]]
    return render(
        "model_card.md",
        front=Markup(yaml.safe_dump(keys, sort_keys=False)),
        run=run,
        tested=_tested(run),
        model=method,
        data=run.choice("data") or "data that the run does not name",
        iteration=module.iteration,
        samples="samples.png" if samples_of(run) else None,
        use="\n".join(lines),
        terms=terms,
        commands=[shlex.join(["python", "train.py", *map(_without_path, start["overrides"])]) for start in run.starts],
    ).lstrip()


def _tested(run: Run) -> dict[str, Any]:
    """Return metrics and protocol of the run's test, or of a later one that measured more of the same."""
    for later in reversed(run.evaluations):
        same = all(later["protocol"].get(key) == run.protocol.get(key) for key in OTHERWISE)
        if same and later["protocol"].get("split") == "test" and later["metrics"].keys() > run.metrics.keys():
            return later
    return {"metrics": run.metrics, "protocol": run.protocol}


def samples_of(run: Run) -> Path | None:
    """Return the last picture of samples; other pictures may show images of the data, which have terms of their own."""
    return next((picture.file for picture in run.pictures if picture.kind == "samples"), None)


def _without_path(override: str) -> str:
    """Return an override without the place of a file on this machine."""
    key, equals, _ = override.partition("=")
    return f"{key}=PATH" if equals and key_of(override).rpartition(".")[2] in PATHS else override
