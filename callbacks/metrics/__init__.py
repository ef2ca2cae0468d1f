"""Callbacks that measure a model, at the end of each epoch or in the test."""
