"""Data: sources (readers of one on-disk layout), one array cache, and the LightningDataModules over them."""
