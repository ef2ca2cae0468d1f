"""Filters for expected warnings of Lightning and torch, as long as a run goes on."""

from __future__ import annotations

import contextlib
import logging
import threading
import warnings
from collections.abc import Iterator

#: Part of each expected warning -> why it can be ignored. The texts are foreign: where a new version changes one, the
#: warning is shown again.
EXPECTED_WARNINGS = {
    "LeafSpec": "torch deprecates what Lightning uses",
    "in eval mode at the start": "the average of the weights and frozen encoders stay in evaluation mode",
    "exists and is not empty": "a resumed run writes into its old folder",
    "smaller than the logging interval": "an epoch of few iterations is logged at its end",
    "sync_dist=True": "BaseModel averages the scalars of the processes itself",
}


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hide the expected warnings, Lightning's greetings, and errors that a thread of TensorBoard's hands on."""
    lightning = logging.getLogger("pytorch_lightning")
    level, show = lightning.level, threading.excepthook
    with warnings.catch_warnings():
        for expected in EXPECTED_WARNINGS:
            warnings.filterwarnings("ignore", f".*{expected}")
        lightning.setLevel(logging.WARNING)
        threading.excepthook = _show_errors_of_threads
        try:
            yield
        finally:
            lightning.setLevel(level)
            threading.excepthook = show


def _show_errors_of_threads(lost: threading.ExceptHookArgs) -> None:
    """Show the error that ended a thread, unless TensorBoard's writer could not write, which its next call raises."""
    if type(lost.thread).__name__ != "_AsyncWriterThread" or not isinstance(lost.exc_value, OSError):
        threading.__excepthook__(lost)
