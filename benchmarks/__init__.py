"""Speed, as ratios of things measured in turn: `python -m benchmarks` prints the table. Each module is a section."""
