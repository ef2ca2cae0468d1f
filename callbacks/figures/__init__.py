"""Callbacks that draw pictures of a run."""
