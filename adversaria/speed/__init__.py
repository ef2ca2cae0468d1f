"""What changes the speed of a run and not its result: settings, and training steps recorded in CUDA graphs."""
