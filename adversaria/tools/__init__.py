"""What the command lines call, and what Python may call in their place: train, evaluate, generate, explore, export."""
