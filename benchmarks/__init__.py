"""Speed, as ratios of things measured alternately in one run. Each module is a command; the README has its figures."""
