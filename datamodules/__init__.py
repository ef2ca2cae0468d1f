"""Data: readers of layouts on disk, one array cache, and the LightningDataModules over it."""
