"""What changes the speed of a run and not its result."""
