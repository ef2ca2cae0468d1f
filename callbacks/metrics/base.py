"""What tells the callbacks that measure from those that draw, log or save."""

from __future__ import annotations

import pytorch_lightning as pl

from adversaria.config.types import Split


class TestMetricCallback(pl.Callback):
    """A callback that adds to the test metrics of any model that fits; evaluate.py runs a run's measurements alone.

    Attributes:
        split: of the images that it reads by itself; test batches are those of the data module's `test_split`.
    """

    split: Split = "test"
