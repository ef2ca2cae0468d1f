"""What the command lines call, and Python code may call too: train, evaluate, generate, explore, export."""
