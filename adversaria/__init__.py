"""What every run needs and what does not belong to a single method, in rooms:

`config` checks a configuration, `runs` keeps a run's identity, `sweeps` sums up many, `speed` changes the time alone,
`images` and `measures` are shared by callbacks and tools, `tools` is what command lines call, `report` writes pages.
`config` imports no torch, so that `--help` and a wrong configuration are answered at once.
"""
