"""Sweeps: names of jobs, summaries, and the table of domain adaptation."""
