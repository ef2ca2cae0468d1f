"""Callbacks that add metrics, at the end of each epoch or in the test."""
