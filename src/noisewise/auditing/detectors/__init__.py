"""Detectors: pure functions from evidence to one score per row, one file each; higher is more suspect."""
