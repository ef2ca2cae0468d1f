"""Reports of runs as single files, and an index of all runs: whatever the run folders have, without torch."""
