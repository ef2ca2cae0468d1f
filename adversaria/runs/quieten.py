"""Filters for expected warnings of Lightning and torch."""

from __future__ import annotations

import logging
import warnings

#: Part of each expected warning -> why it can be ignored. The texts are foreign: where a new version changes one, the
#: warning is shown again.
EXPECTED_WARNINGS = {
    "LeafSpec": "torch deprecates what Lightning uses",
    "in eval mode at the start": "the average of the weights and frozen encoders stay in evaluation mode",
    "exists and is not empty": "a resumed run writes into its old folder",
    "smaller than the logging interval": "an epoch of few iterations is logged at its end",
    "sync_dist=True": "BaseModel averages the scalars of the processes itself",
}


def quieten() -> None:
    """Ignore the expected warnings, and Lightning's greetings."""
    for expected in EXPECTED_WARNINGS:
        warnings.filterwarnings("ignore", f".*{expected}")
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
