"""Everything that looks at a run, measures or saves: pictures, curves, metrics, the record of the run."""
