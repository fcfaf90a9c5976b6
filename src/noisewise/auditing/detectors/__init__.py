"""Detectors: pure functions from evidence to one suspicion score per row, one file each."""
