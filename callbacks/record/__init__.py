"""Callbacks and a logger that record a run: checkpoints, scalars, progress, what a reader must know."""
