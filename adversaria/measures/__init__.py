"""Metrics of images and features: extractors, distances, criteria. Callbacks use them."""
