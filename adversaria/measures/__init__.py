"""Measures of images and features, without a callback: extractors, distances, criteria."""
