"""Lightning callbacks: pictures, metrics, and the record of a run."""
