"""What tests share: stand-ins for parts of a run, and processes that start quickly."""
