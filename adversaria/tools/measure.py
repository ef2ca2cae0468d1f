"""Measure a folder of pictures that any program made against real images: of a run's data, a folder, or a file."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from dataclasses import fields
from typing import Any

from adversaria.runs.wording import readable
from adversaria.speed import settings
from adversaria.tools.evaluate import append_to
from adversaria.tools.measure_options import Options, open_all
from adversaria.tools.model_errors import model_errors

FEW = 2000  # pictures


def is_asked(given: argparse.Namespace) -> bool:
    """Tell whether a command line of evaluate.py is about pictures."""
    return any((given.images, given.against, given.reference, given.save_reference, given.classifier, given.resize))


def command(given: argparse.Namespace) -> None:
    """Do what such a command line asks; print the table of metrics with the protocol below it."""
    from adversaria.tools.results import print_results  # rich takes a while to import

    if given.run is not None and "=" in str(given.run) and not given.run.exists():  # without RUN the first word is it
        given.run, given.overrides = None, [str(given.run), *given.overrides]
    record = measure(Options(**{field.name: getattr(given, field.name) for field in fields(Options)}))
    if given.save_reference is not None:
        print(f"wrote {given.save_reference}")
    if not record["metrics"]:
        return
    try:
        if given.output is not None:
            append_to(given.output, record, lock=False)
    finally:  # shown even if it cannot be written
        lines = [f"{label}: {value}" for label, value in readable(record["protocol"]).items()]
        print_results(record, f"pictures in {given.images}", *lines)
    if given.output is not None:
        print(f"appended to {given.output}")


def measure(options: Options) -> dict[str, Any]:
    """Measure pictures, and write a reference file if asked.

    Returns:
        A record with `time`, `metrics` (none where there are no pictures to measure), their `protocol`, and `seconds`.

    Raises:
        ConfigError: the options do not fit each other, or there is no extractor.
        DataError: a folder or a reference file cannot be used, or a picture has another size.
        CheckpointError: the run or the classifier cannot be read.
    """
    start = time.time()
    model = options.classifier or options.run  # from elsewhere, perhaps
    with contextlib.nullcontext() if model is None else model_errors(model):
        opened = open_all(options)
        from adversaria.runs.library_state import for_a_run  # this and the next import torch
        from adversaria.tools.comparison import compared

        settings.collect_garbage()
        with for_a_run():
            record = compared(opened, options)
    if opened.pictures is not None and len(opened.pictures) < FEW:
        print(f"distances of fewer than {FEW:,} pictures are noisy; these are {len(opened.pictures)}", file=sys.stderr)
    for folder in (opened.pictures, opened.folder):
        if folder is not None and folder.unreadable:
            left_out = f"{len(folder.unreadable)} of {len(folder.names)} pictures in {folder.folder}"
            print(f"{left_out} cannot be read and were left out; the first: {folder.unreadable[0]}", file=sys.stderr)
    return {"time": time.strftime("%Y-%m-%d %H:%M:%S"), **record, "seconds": round(time.time() - start)}
