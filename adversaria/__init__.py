"""What every run needs besides methods, data and callbacks: configuration, run folder, speed settings.

Nothing here imports torch at module level, so that `--help` and a configuration error answer at once.
"""
