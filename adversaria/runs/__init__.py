"""The identity of a run: its folder, its record, resuming, signals, saving, random state."""
