"""Readers of data sets, one module for each layout on disk. They import no torch and never write to the data root."""

from datamodules.readers.base import SPLITS, Reader, SplitIndex, not_found, open_reader

__all__ = ["SPLITS", "Reader", "SplitIndex", "not_found", "open_reader"]
