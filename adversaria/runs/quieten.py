"""What Lightning says and nobody needs to read."""

from __future__ import annotations

import logging
import warnings

#: Warnings of what is meant to be: the run folder of a resumed run, scalars averaged by BaseModule, …
EXPECTED_WARNINGS = (
    "LeafSpec",
    "in eval mode at the start",
    "exists and is not empty",
    "smaller than the logging interval",
    "sync_dist=True",
)


def quieten() -> None:
    """Silence them, and Lightning's greetings."""
    for expected in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", f".*{expected}")
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
