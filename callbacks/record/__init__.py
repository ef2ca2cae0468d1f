"""Callbacks and a logger that record a run: checkpoints, scalars, progress, architecture, metrics, environment."""
