"""The configuration: what it may say, checked before anything heavy is imported. Nothing here imports torch."""
